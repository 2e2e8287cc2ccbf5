package fleet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func ended(sid string) events.Revocation {
	return events.Revocation{
		ID: "id of " + sid, Scope: events.ScopeSession, Issuer: "https://issuer.test", Subject: sid, Stamp: 1, TTLMillis: 60_000,
	}
}

// authentic is what the tests' issuers mark by.
func authentic(data []byte, mark string) bool { return mark == "marked "+fmt.Sprint(len(data)) }

// reserve keeps a revocation as it was read from the log.
func (e *edge) reserve(t testing.TB, r events.Revocation) {
	t.Helper()
	data, err := r.Encode()
	testenv.Must(t, err)
	e.Reserve.Keep(r, events.Message{Data: data, Mark: "marked " + fmt.Sprint(len(data))})
}

// offered is what the edges offer, sorted.
func (s *site) offered(t testing.TB, known ...events.Revocation) (sids []string) {
	t.Helper()
	var names []uint64
	for _, r := range known {
		names = append(names, r.Fingerprint())
	}
	for r := range s.Offers(t.Context(), names, authentic, ceiling) {
		sids = append(sids, r.Subject)
	}
	slices.Sort(sids)
	return sids
}

func wantOffered(t testing.TB, what string, got []string, want string) {
	t.Helper()
	if !slices.Equal(got, strings.Fields(want)) {
		t.Errorf("%s: offered %q, want %q", what, got, want)
	}
}

// What one edge of several holds is offered, whoever is asked first.
func TestOffersOfAll(t *testing.T) {
	s := newSite(t, 3)
	for n, e := range s.edges {
		e.reserve(t, ended("everywhere"))
		e.reserve(t, ended(fmt.Sprint("only-", n)))
	}
	for range 5 {
		wantOffered(t, "nothing known", s.offered(t), "everywhere only-0 only-1 only-2")
	}
	wantOffered(t, "two known", s.offered(t, ended("everywhere"), ended("only-1")), "only-0 only-2")
	later := ended("everywhere")
	later.Stamp++
	wantOffered(t, "known under another stamp", s.offered(t, later, ended("only-0"), ended("only-1"), ended("only-2")), "everywhere")
}

func TestNobodyOffers(t *testing.T) {
	s := newSite(t, 0)
	began := time.Now()
	wantOffered(t, "no edge", s.offered(t), "")
	s.edges = append(s.edges, newEdge(t, s.server.URL(), "edge-1"))
	awaitEdges(t, s.Registry, 1)
	wantOffered(t, "an edge that holds nothing", s.offered(t), "")
	if took := time.Since(began); took > ceiling {
		t.Errorf("took %v", took)
	}
}

// More than one answer can take, and more known than one question can list.
func TestManyOffers(t *testing.T) {
	const held, known = 3000, 40_000
	s := newSite(t, 2)
	var want []string
	for n := range held {
		r := ended(fmt.Sprintf("sid-%06d", n))
		s.edges[n%2].reserve(t, r)
		want = append(want, r.Subject)
	}
	var others []events.Revocation
	for n := range known {
		others = append(others, ended(fmt.Sprint("other-", n)))
	}
	for _, r := range others[:5*held] { // they hold these too, and need not say so
		s.edges[0].reserve(t, r)
		s.edges[1].reserve(t, r)
	}
	wantOffered(t, "many", s.offered(t, others...), strings.Join(want, " "))
	others = append(others, ended("sid-000000"), ended("sid-002999"))
	wantOffered(t, "many, but for two", s.offered(t, others...), strings.Join(want[1:held-1], " "))
}

// What no issuer has written is not taken, and does not keep others from offering.
func TestForgedOffers(t *testing.T) {
	s := newSite(t, 1)
	s.edges[0].reserve(t, ended("real"))
	forger := connect(t, s.server.URL())
	data, err := ended("forged").Encode()
	testenv.Must(t, err)
	forged, err := json.Marshal(data)
	testenv.Must(t, err)
	for _, subject := range []string{"curfew.local.offer", "curfew.local.offer.all"} {
		for _, answer := range []string{
			fmt.Sprintf(`{"entries":[{"data":%s,"mark":"marked"}]}`, forged), `{"entries":[{"data":"e30=","mark":"marked 2"}]}`,
			`{}`, "garbage", "",
		} {
			_, err := forger.Subscribe(subject, func(msg *nats.Msg) { _ = msg.Respond([]byte(answer)) })
			testenv.Must(t, err)
		}
	}
	testenv.Must(t, forger.Flush())
	for range 5 {
		wantOffered(t, "beside forgers", s.offered(t), "real")
	}
}

// An edge that does not answer costs its time, and hides nobody.
func TestEdgeThatDoesNotOffer(t *testing.T) {
	s := newSite(t, 2)
	s.edges[0].reserve(t, ended("a"))
	s.edges[1].reserve(t, ended("b"))
	mute := connect(t, s.server.URL())
	for _, queue := range []string{"curfew", "curfew", "curfew", "curfew", "curfew"} {
		_, err := mute.QueueSubscribe("curfew.local.offer", queue, func(*nats.Msg) {})
		testenv.Must(t, err)
	}
	testenv.Must(t, mute.Flush())
	for range 4 {
		wantOffered(t, "beside an edge that is mute", s.offered(t), "a b")
	}
}

// Whoever asks may stop.
func TestOffersUntilEnough(t *testing.T) {
	s := newSite(t, 1)
	for n := range 10 {
		s.edges[0].reserve(t, ended(fmt.Sprint(n)))
	}
	for range s.Offers(t.Context(), nil, authentic, ceiling) {
		break
	}
}

func TestReserve(t *testing.T) {
	now := time.Duration(0)
	e := edgeOn(connect(t, testenv.NATS(t).URL()), "edge-1")
	e.Reserve = &fleet.Reserve{Elapsed: func() time.Duration { return now }}
	s := &site{Registry: newRegistry(t, e.Conn.ConnectedUrl())}
	background(t, e.Run)
	awaitEdges(t, s.Registry, 1)

	e.reserve(t, ended("first"))
	e.Reserve.Keep(ended("unmarked"), events.Message{Data: []byte("{}")})
	if e.Reserve.Has(ended("unmarked")) {
		t.Error("keeps what nobody has marked")
	}
	wantOffered(t, "at once", s.offered(t), "first")
	now = 59 * time.Second
	e.reserve(t, ended("second"))
	e.reserve(t, ended("first")) // comes again, and lives no longer
	wantOffered(t, "before the end", s.offered(t), "first second")
	now = 60 * time.Second
	wantOffered(t, "at its end", s.offered(t), "second")
}

// A reserve takes no more than its bound, and gives up the oldest first.
func TestReserveIsBounded(t *testing.T) {
	now := time.Duration(0)
	e := &edge{Reporter: &fleet.Reporter{Reserve: &fleet.Reserve{Elapsed: func() time.Duration { return now }}}}
	const many = 60_000
	for n := range many {
		e.reserve(t, ended(fmt.Sprint("sid-", n)))
	}
	held, bytes := e.Reserve.Size()
	if held < 10_000 || held >= many || bytes > 8<<20 {
		t.Errorf("holds %d of %d entries in %d bytes, want as many as 8 MiB take", held, many, bytes)
	}
	if !e.Reserve.Has(ended(fmt.Sprint("sid-", many-1))) || e.Reserve.Has(ended("sid-0")) {
		t.Error("has not kept the latest")
	}
	now = time.Hour
	e.reserve(t, ended("new"))
	if held, bytes := e.Reserve.Size(); held != 1 || bytes > 1000 {
		t.Errorf("holds %d entries in %d bytes once all others have expired", held, bytes)
	}
}

// Somebody who may answer gives what is true, a little at a time, or nothing again
// and again, and is not all that is heard.
func TestOffersBesideOneWhoWastesTime(t *testing.T) {
	s := newSite(t, 1)
	s.edges[0].reserve(t, ended("only-here"))
	thief := connect(t, s.server.URL())
	var given atomic.Int64
	for range 50 {
		_, err := thief.QueueSubscribe("curfew.local.offer", "curfew", func(msg *nats.Msg) {
			time.Sleep(200 * time.Millisecond)
			data, _ := ended(fmt.Sprint("in the log before ", given.Add(1))).Encode()
			text, _ := json.Marshal(data)
			_ = msg.Respond(fmt.Appendf(nil, `{"entries":[{"data":%s,"mark":"marked %d"}]}`, text, len(data)))
		})
		testenv.Must(t, err)
	}
	_, err := thief.Subscribe("curfew.local.offer.all", func(msg *nats.Msg) {
		for range 100 {
			if msg.Respond([]byte("{}")) != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	testenv.Must(t, err)
	testenv.Must(t, thief.Flush())
	for r := range s.Offers(t.Context(), nil, authentic, 8*time.Second) {
		if r.Subject == "only-here" {
			return
		}
	}
	t.Errorf("the honest edge was not heard, and %d others were", given.Load())
}
