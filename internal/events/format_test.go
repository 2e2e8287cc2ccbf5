package events_test

import (
	"encoding/json"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// What stands on the subjects of the log, and what readers take it for.
func TestWhatTheLogHolds(t *testing.T) {
	nc, log := newLog(t)
	testenv.Must(t, log.Ensure(t.Context()))
	whole, err := events.Revocation{ID: "r", Scope: events.ScopeSession, Issuer: "i", Subject: "s", TTLMillis: 60_000}.Encode()
	testenv.Must(t, err)
	formed := nats.Header{"Curfew-Format": {"1"}}
	for name, c := range map[string]struct {
		subject string
		header  nats.Header
		data    []byte
		want    events.Kind
	}{
		"ours":                            {"curfew.test.revoke.session", formed, whole, events.KindRevocation},
		"of an older version":             {"curfew.test.revoke.session", nil, whole, events.KindRevocation},
		"of a newer version":              {"curfew.test.revoke.galaxy", formed, []byte(`{"id":"r","scope":"galaxy"}`), events.KindRevocation},
		"an acknowledgement":              {"curfew.test.revoke.user", nil, []byte(`{"stream":"CURFEW_test","seq":1}`), events.KindGarbage},
		"nothing":                         {"curfew.test.revoke.user", nil, nil, events.KindGarbage},
		"headers alone":                   {"curfew.test.revoke.user", formed, nil, events.KindGarbage},
		"a beat":                          {"curfew.test.beat", formed, []byte(`{}`), events.KindBeat},
		"one of an edge":                  {"curfew.test.beat.edge", nil, []byte(`{}`), events.KindBeat},
		"a revocation where beats belong": {"curfew.test.beat", formed, whole, events.KindBeat},
	} {
		ack, err := nc.RequestMsg(&nats.Msg{Subject: c.subject, Header: c.header, Data: c.data}, time.Second)
		testenv.Must(t, err)
		var at struct{ Seq uint64 }
		testenv.Must(t, json.Unmarshal(ack.Data, &at))
		for m, err := range log.Follow(t.Context(), events.Cursor{}) {
			testenv.Must(t, err)
			if m.Seq == at.Seq {
				if standIn := c.subject == "curfew.test.beat.edge"; m.Kind != c.want || m.StandIn != standIn {
					t.Errorf("%s: kind %d, by a stand-in %t", name, m.Kind, m.StandIn)
				}
				break
			}
		}
	}
}

func newLog(t *testing.T) (*nats.Conn, *events.JetStream) {
	t.Helper()
	nc, err := events.Connect(testenv.NATS(t).URL(), "", t.Name(), slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	log, err := events.NewJetStream(nc, "test", 1)
	testenv.Must(t, err)
	return nc, log
}

// Only issuers tell stamps and clocks, and whose a beat is says its subject.
func TestBeatOfAStandIn(t *testing.T) {
	for name, c := range map[string]struct {
		standIn bool
		by      events.Role
		want    events.Beat
	}{
		"an issuer's":                       {false, events.RoleIssuer, events.Beat{By: events.RoleIssuer, Stamp: 7, At: 8}},
		"of an issuer that does not answer": {false, "", events.Beat{Stamp: 7, At: 8}},
		"an edge's, of an older version":    {false, events.RoleEdge, events.Beat{By: events.RoleEdge}},
		"an edge's":                         {true, events.RoleEdge, events.Beat{By: events.RoleEdge}},
		"an edge's, as an issuer":           {true, events.RoleIssuer, events.Beat{By: events.RoleEdge}},
		"an edge's, as somebody":            {true, "king", events.Beat{By: events.RoleEdge}},
		"of an edge that does not answer":   {true, "", events.Beat{}},
	} {
		data, err := json.Marshal(events.Beat{By: c.by, Stamp: 7, At: 8})
		testenv.Must(t, err)
		b, ok := events.DecodeBeat(events.Message{Kind: events.KindBeat, StandIn: c.standIn, Data: data})
		if !ok || !reflect.DeepEqual(b, c.want) {
			t.Errorf("%s: %+v, %t", name, b, ok)
		}
	}
	for _, m := range []events.Message{{Kind: events.KindRevocation, Data: []byte("{}")}, {Kind: events.KindBeat, Data: []byte("x")}} {
		if _, ok := events.DecodeBeat(m); ok {
			t.Errorf("%+v is a beat", m)
		}
	}
}

// A stream of an older version gets the subjects that it lacks and a limit, and
// keeps what its operator has set.
func TestEnsureBringsAnOldStreamUpToDate(t *testing.T) {
	nc, log := newLog(t)
	js, err := jetstream.New(nc)
	testenv.Must(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "CURFEW_test", Subjects: []string{"curfew.test.revoke.>", "curfew.test.beat"}, AllowMsgTTL: true, MaxBytes: 1 << 20,
	})
	testenv.Must(t, err)
	before, err := log.State(t.Context())
	testenv.Must(t, err)
	testenv.Must(t, log.Ensure(t.Context()))
	_, err = log.Append(t.Context(), events.Record{Kind: events.KindBeat, StandIn: true, Data: []byte("{}"), TTL: time.Minute})
	testenv.Must(t, err)
	after, err := log.State(t.Context())
	testenv.Must(t, err)
	s, err := js.Stream(t.Context(), "CURFEW_test")
	testenv.Must(t, err)
	if cfg := s.CachedInfo().Config; cfg.MaxBytes != 1<<20 || cfg.MaxMsgSize != 64<<10 || before.Epoch != after.Epoch {
		t.Errorf("%+v, epochs %s and %s", cfg, before.Epoch, after.Epoch)
	}
	if _, err := nc.Request("curfew.test.revoke.user", make([]byte, 65<<10), time.Second); err != nil {
		t.Error(err)
	}
	if s, err := log.State(t.Context()); err != nil || s.Revocations != 0 {
		t.Errorf("%+v, %v: a message of 65 KB was taken", s, err)
	}
}

// Edges may write on no subject of issuers.
func TestStandInsHaveASubjectOfTheirOwn(t *testing.T) {
	for by, want := range map[events.Role]bool{events.RoleIssuer: false, events.RoleEdge: true} {
		log := memlog.New()
		f := events.NewFollower(log, func([]events.Message) error { return nil }, slog.New(slog.DiscardHandler))
		go f.Run(t.Context())
		_, err := events.NewBarrier(log, f, by, "x", 0).Probe(t.Context())
		testenv.Must(t, err)
		for m, err := range log.Follow(t.Context(), events.Cursor{}) {
			testenv.Must(t, err)
			if m.Kind != events.KindBeat || m.StandIn != want {
				t.Errorf("of an %s: kind %d, by a stand-in %t", by, m.Kind, m.StandIn)
			}
			break
		}
	}
}

// An edge cannot tell all others of a bound by which nobody would be fresh.
func TestBoundOfAStandIn(t *testing.T) {
	for told, want := range map[string]int64{`1`: 1000, `2000`: 2000, `0`: 0} {
		data := []byte(`{"by":"edge","staleness_ms":` + told + `}`)
		if b, ok := events.DecodeBeat(events.Message{Kind: events.KindBeat, StandIn: true, Data: data}); !ok || b.StalenessMS != want {
			t.Errorf("told %s: goes by %d, want %d", told, b.StalenessMS, want)
		}
	}
}
