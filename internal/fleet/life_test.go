package fleet_test

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// Every edge reads what all are asked, and may learn the instances of others
// from their answers. It still confirms only for itself.
func TestNobodyConfirmsForAnother(t *testing.T) {
	s := newSite(t, 1)
	thief := edgeOn(connect(t, s.server.URL()), "edge-9") // knows the protocol, and holds everything
	thief.apply("e1", 7, entry("a"))
	thief.ID = "edge-1"
	answered := make(chan struct{}, 100)
	nc := connect(t, s.server.URL())
	_, err := nc.Subscribe("curfew.local.report", func(msg *nats.Msg) {
		var q struct{ Nonce, From string }
		if json.Unmarshal(msg.Data, &q) != nil || q.Nonce == "" {
			return
		}
		forged := fmt.Sprintf(`{"nonce":%q,"id":"edge-1","instance":%q}`, q.Nonce, s.edges[0].Life.Instance())
		for _, seal := range []string{"", "AAAA", fleet.SealFor(thief.Life, q.From, forged)} {
			reply := nats.NewMsg(msg.Reply)
			reply.Data = []byte(forged)
			reply.Header.Set("Curfew-Seal", seal)
			_ = nc.PublishMsg(reply)
		}
		_ = nc.Flush()
		answered <- struct{}{}
	})
	testenv.Must(t, err)
	testenv.Must(t, nc.Flush())
	got := make(chan fleet.Confirmation)
	go func() { got <- s.within(t, 2*time.Second, 7, entry("a")) }()
	<-answered
	want(t, "the edge itself holds nothing", <-got, 1, 0, "edge-1")
}

// Only the edge itself says goodbye.
func TestNobodyLeavesForAnother(t *testing.T) {
	s := newSite(t, 1)
	nc := connect(t, s.server.URL())
	other := fleet.NewLife()
	for _, farewell := range []string{"", "AAAA", other.Instance(), fleet.Farewell(other)} {
		forged := fmt.Sprintf(`{"id":"edge-1","instance":%q,"leaving":true,"farewell":%q}`, s.edges[0].Life.Instance(), farewell)
		testenv.Must(t, nc.Publish("curfew.local.edge.edge-1", []byte(forged)))
	}
	later := edgeOn(nc, "edge-2") // on the same connection, and so heard later
	_, err := later.Announce()
	testenv.Must(t, err)
	testenv.Eventually(t, ceiling, func() error {
		list := s.Edges()
		if len(list) == 0 || list[0].ID != "edge-1" {
			t.Fatalf("another said goodbye for it: %+v", list)
		}
		if len(list) != 2 {
			return fmt.Errorf("%+v", list)
		}
		return nil
	})
	s.edges[0].stop()
	s.edges[0].Leave()
	awaitEdges(t, s.Registry, 1)
}

// An answer must be one to the question, also by the edge itself: one that
// lacks an entry nobody asked about lacks none that somebody waits for.
func TestAnswerToAnotherQuestion(t *testing.T) {
	s := newSite(t, 0)
	nc := connect(t, s.server.URL())
	e := edgeOn(nc, "edge-1")
	_, err := e.Announce()
	testenv.Must(t, err)
	awaitEdges(t, s.Registry, 1)
	answered := make(chan struct{}, 100)
	var missing atomic.Value
	missing.Store([]string{"[1]", "[-1]", "[7]"})
	_, err = nc.Subscribe("curfew.local.report", func(msg *nats.Msg) {
		var q struct{ Nonce, From string }
		if json.Unmarshal(msg.Data, &q) != nil || q.Nonce == "" {
			return
		}
		for _, list := range missing.Load().([]string) {
			reply := nats.NewMsg(msg.Reply)
			text := fmt.Sprintf(`{"nonce":%q,"id":"edge-1","instance":%q,"missing":%s}`, q.Nonce, e.Life.Instance(), list)
			reply.Data = []byte(text)
			reply.Header.Set("Curfew-Seal", fleet.SealFor(e.Life, q.From, text))
			_ = nc.PublishMsg(reply)
		}
		_ = nc.Flush()
		answered <- struct{}{}
	})
	testenv.Must(t, err)
	testenv.Must(t, nc.Flush())
	want(t, "it lacks another", s.within(t, 2*time.Second, 7, entry("a")), 1, 0, "edge-1")
	<-answered
	missing.Store([]string{"[]"})
	want(t, "it lacks nothing", s.within(t, ceiling, 7, entry("a")), 1, 1, "")
}
