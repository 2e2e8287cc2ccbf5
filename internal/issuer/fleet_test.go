package issuer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/testenv"
)

type edgeRow struct {
	ID          string   `json:"id"`
	Instance    string   `json:"instance"`
	Region      string   `json:"region"`
	URL         string   `json:"url"`
	Mode        string   `json:"check_mode"`
	State       string   `json:"state"`
	Epoch       string   `json:"epoch"`
	AppliedSeq  uint64   `json:"applied_seq"`
	LagMessages int64    `json:"lag_messages"`
	FreshAgeMS  int64    `json:"fresh_age_ms"`
	Entries     int      `json:"entries"`
	PerSecond   float64  `json:"decisions_per_second"`
	Share       float64  `json:"fallback_share"`
	Store       string   `json:"store"`
	StalenessMS int64    `json:"staleness_ms"`
	Doubt       bool     `json:"doubt"`
	KeyIDs      []string `json:"kids"`
	LastSeen    string   `json:"last_seen"`
}

func (b *bench) edges(t *testing.T) (list []edgeRow) {
	t.Helper()
	a := call{url: b.adminURL + "/admin/v1/edges", bearer: b.admin}.do(t)
	a.want(t, "edges", 200, "")
	var out struct{ Edges []edgeRow }
	testenv.Must(t, json.Unmarshal([]byte(a.body), &out))
	return out.Edges
}

// awaitEdge waits until the only edge is as wanted.
func (b *bench) awaitEdge(t *testing.T, what string, good func(edgeRow) bool) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if list := b.edges(t); len(list) != 1 || !good(list[0]) {
			return fmt.Errorf("%s: %+v", what, list)
		}
		return nil
	})
}

// silentEdge makes the issuer know an edge that never answers.
func (b *bench) silentEdge(t *testing.T, id string, bound time.Duration) {
	t.Helper()
	nc, err := nats.Connect(b.nats.URL())
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	data := `{"id":"` + id + `","instance":"I","check_mode":"local","state":"fresh","fresh_age_ms":1,"staleness_ms":` + fmt.Sprint(bound.Milliseconds()) + `}`
	testenv.Must(t, nc.Publish("curfew.local.edge."+id, []byte(data)))
	testenv.Must(t, nc.Flush())
}

// awaitWaiting waits until calls wait for confirmations.
func (b *bench) awaitWaiting(t *testing.T, n int) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		a := call{url: b.url + "/metrics"}.do(t)
		if !strings.Contains(a.body, fmt.Sprintf("\ncurfew_waits %d\n", n)) {
			return errors.New("nobody waits")
		}
		return nil
	})
}

func TestEdges(t *testing.T) {
	b := start(t, nil)
	if a := (call{url: b.url + "/admin/v1/edges", bearer: b.admin}).do(t); a.field(t, "edges") == nil {
		t.Errorf("no edges are no list: %s", a.body)
	}
	edge := b.edge(t)
	b.awaitEdge(t, "fresh", func(e edgeRow) bool {
		return e.ID == "edge-1" && e.Instance != "" && e.Region == "local" && e.URL == edge && e.Mode == "local" &&
			e.State == "fresh" && e.Epoch != "" && e.FreshAgeMS >= 0 && e.LagMessages >= 0 && e.Store == "vouched" &&
			len(e.KeyIDs) == 1 && e.LastSeen != "" && e.Entries == 0 && e.StalenessMS == 5000 && !e.Doubt
	})
	g := b.login(t, "alice", "")
	b.awaitEdge(t, "decisions are counted", func(e edgeRow) bool {
		whoami(t, edge, g)
		return e.PerSecond > 0 && e.Share < 1
	})
	b.revoke(t, `{"scope":"session","id":"`+g.SessionID+`"}`).want(t, "revoke", 200, "")
	b.awaitEdge(t, "entries", func(e edgeRow) bool { return e.Entries == 1 })
	b.stopEdge()
	testenv.Eventually(t, patience, func() error {
		if list := b.edges(t); len(list) != 0 {
			return fmt.Errorf("it has said goodbye: %+v", list)
		}
		return nil
	})
}
