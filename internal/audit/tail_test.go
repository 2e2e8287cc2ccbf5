package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func (b *bench) reader(t *testing.T) *audit.Reader {
	t.Helper()
	nc, err := events.Connect(b.nats.URL(), "", "reader", slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	r, err := audit.NewReader(nc, "", "test")
	testenv.Must(t, err)
	return r
}

// record records events numbered from first on, and waits until the stream
// has them.
func (b *bench) record(t *testing.T, first int, list ...session.Event) {
	t.Helper()
	had := uint64(0)
	if s, err := b.js.Stream(t.Context(), stream); err == nil {
		had = s.CachedInfo().State.LastSeq
	}
	for i, e := range list {
		e.Reason = strconv.Itoa(first + i)
		b.Record(e)
	}
	testenv.Eventually(t, patience, func() error {
		s, err := b.js.Stream(t.Context(), stream)
		if err != nil {
			return err
		}
		if n := s.CachedInfo().State.LastSeq; n != had+uint64(len(list)) {
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
}

// tail opens a tail, and closes it with the test.
func tail(t *testing.T, r *audit.Reader, after audit.Position, f audit.Filter) *audit.Tail {
	t.Helper()
	var out *audit.Tail
	testenv.Eventually(t, patience, func() (err error) { // a stream just made anew may not have its leader yet
		out, err = r.Tail(t.Context(), after, f)
		return err
	})
	t.Cleanup(out.Close)
	return out
}

// wantNext checks the numbers of the next events.
func wantNext(t *testing.T, of *audit.Tail, numbers ...int) (last audit.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, n := range numbers {
		rec, err := of.Next(ctx)
		if err != nil || rec.Reason != strconv.Itoa(n) || rec.Position != of.Position() || rec.RecordedAt.IsZero() {
			t.Fatalf("got %+v, %v, want event %d", rec, err, n)
		}
		last = rec
	}
	return last
}

func login(user string) session.Event {
	return session.Event{Kind: session.EventLogin, Tenant: "acme", UserID: user, SessionID: "s-" + user}
}

func TestTailBeginsNow(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("ann"), login("bob"))
	follow := tail(t, b.reader(t), audit.Position{}, audit.Filter{})
	b.record(t, 2, login("ann"), session.Event{Kind: session.EventLogout})
	wantNext(t, follow, 2, 3)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := follow.Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.record(t, 4, login("ann"))
	wantNext(t, follow, 4) // the end of a context is not the tail's
}

func TestTailFilters(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	ann, bob, typed := login("ann"), login("bob"), session.Event{Kind: session.EventLoginFailed, Username: "ann", Tenant: "other"}
	b.record(t, 0, ann)
	r := b.reader(t)
	start := tail(t, r, audit.Position{}, audit.Filter{}).Position()
	b.record(t, 1, ann, bob, typed, session.Event{Kind: session.EventLogout, UserID: "bob", SessionID: "s-bob", Tenant: "acme"})
	for _, c := range []struct {
		filter audit.Filter
		want   []int
	}{
		{audit.Filter{}, []int{1, 2, 3, 4}},
		{audit.Filter{Kinds: []string{"login_failed", "logout"}}, []int{3, 4}},
		{audit.Filter{User: "ann"}, []int{1, 3}},
		{audit.Filter{Tenant: "acme"}, []int{1, 2, 4}},
		{audit.Filter{Session: "s-bob"}, []int{2, 4}},
		{audit.Filter{Kinds: []string{"login"}, User: "bob", Tenant: "acme", Session: "s-bob"}, []int{2}},
	} {
		follow := tail(t, r, start, c.filter)
		wantNext(t, follow, c.want...)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if rec, err := follow.Next(ctx); err == nil {
			t.Errorf("%+v: got %+v besides", c.filter, rec)
		}
		cancel()
	}
}

func TestTailResumes(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("ann"))
	r := b.reader(t)
	first := tail(t, r, audit.Position{}, audit.Filter{})
	b.record(t, 1, login("ann"), login("ann"), login("ann"))
	seen := wantNext(t, first, 1)
	position, err := audit.ParsePosition(seen.Position.String())
	testenv.Must(t, err)
	second := tail(t, r, position, audit.Filter{})
	if wantNext(t, second, 2, 3); second.Gap != "" {
		t.Errorf("gap %q", second.Gap)
	}
}

// A position that the stream no longer has is said, not passed over.
func TestTailTellsGaps(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("ann"), login("ann"), login("ann"))
	r := b.reader(t)
	begin := tail(t, r, audit.Position{}, audit.Filter{}).Position()
	b.record(t, 3, login("ann"), login("ann"), login("ann"))
	late := tail(t, r, audit.Position{}, audit.Filter{}).Position()

	s, err := b.js.Stream(t.Context(), stream)
	testenv.Must(t, err)
	testenv.Must(t, s.Purge(t.Context(), jetstream.WithPurgeSequence(5)))
	expired := tail(t, r, begin, audit.Filter{})
	if wantNext(t, expired, 4, 5); expired.Gap != audit.GapExpired {
		t.Errorf("gap %q", expired.Gap)
	}

	testenv.Must(t, b.js.DeleteStream(t.Context(), stream))
	b.record(t, 10, login("ann"))
	recreated := tail(t, r, late, audit.Filter{})
	if wantNext(t, recreated, 10); recreated.Gap != audit.GapRecreated {
		t.Errorf("gap %q", recreated.Gap)
	}
	ahead, err := audit.ParsePosition(recreated.Position().String() + "000")
	testenv.Must(t, err)
	rolled := tail(t, r, ahead, audit.Filter{})
	if b.record(t, 11, login("ann")); rolled.Gap != audit.GapRolledBack {
		t.Errorf("gap %q", rolled.Gap)
	}
	wantNext(t, rolled, 11)
}

// A tail does not outlive its stream, so that it cannot skip what a new one
// has below the old one's numbers.
func TestTailEndsWithItsStream(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("ann"), login("ann"))
	follow := tail(t, b.reader(t), audit.Position{}, audit.Filter{})
	testenv.Must(t, b.js.DeleteStream(t.Context(), stream))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if rec, err := follow.Next(ctx); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("got %+v, %v", rec, err)
	}
}

// What somebody else put on the stream is nobody's event.
func TestTailSkipsWhatItCannotRead(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("ann"))
	follow := tail(t, b.reader(t), audit.Position{}, audit.Filter{})
	for _, data := range []string{"not JSON", `{"kind":"logout"}`, `{"kind":"login\nid: 1"}`} {
		_, err := b.js.Publish(t.Context(), "curfew.test.session.login", []byte(data))
		testenv.Must(t, err)
	}
	b.record(t, 1, login("ann"))
	wantNext(t, follow, 1)
}

func TestPositions(t *testing.T) {
	for _, text := range []string{"1s8x-0", "1s8x-18446744073709551615"} {
		if p, err := audit.ParsePosition(text); err != nil || p.String() != text {
			t.Errorf("%s: got %s, %v", text, p, err)
		}
	}
	for _, text := range []string{
		"", "-", "1", "1-", "-1", "1-01", "01-1", "0-1", "-5-1", "1S8X-1", "1-1-1", "1--1", "1-+1", " 1-1", "1-1 ", "1-18446744073709551616", "zzzzzzzzzzzzzzzzzzzz-1",
	} {
		if p, err := audit.ParsePosition(text); !errors.Is(err, audit.ErrPosition) || p != (audit.Position{}) {
			t.Errorf("%q: got %s, %v", text, p, err)
		}
	}
}
