package events_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

const staleness = 5 * time.Second

// An edge follows, asks and remembers as of when it was fresh.
type edge struct {
	*events.Follower
	sync  *events.Sync
	start time.Time

	mu   sync.Mutex
	asOf time.Duration
	seen map[string]bool
}

func (e *edge) elapsed() time.Duration { return time.Since(e.start) }

// fresh reports whether the edge may believe a miss of a search that is over
// when fresh is called: accepts alone may not.
func (e *edge) fresh() bool { return e.within(e.freshAsOf()) }

func (e *edge) freshAsOf() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asOf
}

func (e *edge) within(asOf time.Duration) bool { return asOf > 0 && e.elapsed()-asOf <= staleness }

// accepts is the decision an edge would take.
func (e *edge) accepts(id string) bool { return e.decide(id, func() {}) }

// decide reads first as of when the edge is complete, then searches, and reads
// the clock last. It is held up between any two of them.
func (e *edge) decide(id string, heldUp func()) bool {
	asOf := e.freshAsOf()
	heldUp()
	e.mu.Lock()
	revoked := e.seen[id]
	e.mu.Unlock()
	heldUp()
	return !revoked && e.within(asOf)
}

func startEdge(ctx context.Context, log events.Log, x events.Exchange, id string) *edge {
	e := &edge{start: time.Now().Add(-time.Second), seen: map[string]bool{}}
	quiet := slog.New(slog.DiscardHandler)
	e.Follower = events.NewFollower(log, e.apply, quiet)
	e.sync = &events.Sync{
		Exchange: x,
		Follower: e.Follower,
		Barrier:  events.NewBarrier(log, e.Follower, events.RoleEdge, id, staleness/50),
		Interval: staleness / 4,
		Elapsed:  e.elapsed,
		Renew: func(asOf, _ time.Duration) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.asOf = max(e.asOf, asOf)
		},
		Log: quiet,
	}
	go e.Run(ctx)
	go e.sync.Run(ctx)
	return e
}

func (e *edge) apply(batch []events.Message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range batch {
		switch m.Kind {
		case events.KindRevocation:
			if r, err := events.DecodeRevocation(m.Data); err == nil {
				e.seen[r.Subject] = true
			}
		case events.KindBeat:
			if b, ok := events.DecodeBeat(m); ok {
				e.sync.SawBeat(m, b)
			}
		}
	}
	return nil
}

// An issuer answers questions, in the epochs it has admitted.
type issuer struct {
	*reader
	barrier *events.Barrier
	stop    func()
}

func startIssuer(t *testing.T, ctx context.Context, log events.Log, x events.Exchange) *issuer {
	t.Helper()
	i := &issuer{reader: read(ctx, log)}
	i.barrier = events.NewBarrier(log, i.Follower, events.RoleIssuer, "issuer", staleness/50)
	i.barrier.Vouch = func(context.Context, time.Time) string { return "vouch" }
	stop, err := x.Serve(ctx, i.barrier.Answer)
	if err != nil {
		t.Fatal(err)
	}
	i.stop = stop
	i.admit(t, ctx)
	return i
}

func (i *issuer) admit(t *testing.T, ctx context.Context) {
	t.Helper()
	pos, err := i.barrier.Probe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i.barrier.Admit(pos)
}

func wantFresh(t *testing.T, want bool, edges ...*edge) {
	t.Helper()
	synctest.Wait()
	for n, e := range edges {
		if e.fresh() != want {
			t.Fatalf("edge %d: fresh is %t, want %t (as of %s, now %s)", n, !want, want, e.asOf, e.elapsed())
		}
	}
}

func TestEdgeBecomesAndStaysFresh(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		appendRevocations(t, log, 0, 3000)
		e := startEdge(ctx, log, x, "a")
		time.Sleep(time.Minute)
		wantFresh(t, false, e) // it has read everything, but nobody says so
		startIssuer(t, ctx, log, x)
		time.Sleep(3 * time.Second)
		for range 100 {
			wantFresh(t, true, e)
			time.Sleep(time.Second)
		}
	})
}

func TestEdgeGoesStaleWhenTheLogIsGone(t *testing.T) {
	for name, fault := range map[string]func(*memlog.Log, bool){
		"down": (*memlog.Log).SetDown, "stalled": (*memlog.Log).SetStalled,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context) {
				log, x := memlog.New(), &memlog.Exchange{}
				startIssuer(t, ctx, log, x)
				e := startEdge(ctx, log, x, "a")
				time.Sleep(3 * time.Second)
				wantFresh(t, true, e)
				fault(log, true)
				time.Sleep(staleness + time.Millisecond)
				wantFresh(t, false, e)
				time.Sleep(time.Minute)
				fault(log, false)
				time.Sleep(10 * time.Second)
				wantFresh(t, true, e)
			})
		})
	}
}

// Take t0 after the reply and this goes red: the answer to a question asked
// before a revocation would vouch for the time after it.
func TestFreshnessCountsFromTheQuestion(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		slow := &slowExchange{Exchange: x, delay: 250 * time.Millisecond}
		e := startEdge(ctx, log, slow, "a")
		for range 200 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			e.mu.Lock()
			asOf := e.start.Add(e.asOf)
			e.mu.Unlock()
			if last := slow.lastAsked(); asOf.After(last) {
				t.Fatalf("fresh as of %s, but last asked at %s", asOf, last)
			}
		}
		_ = i
	})
}

// A slowExchange delays answers on their way back.
type slowExchange struct {
	events.Exchange
	delay time.Duration
	mu    sync.Mutex
	asked time.Time
}

func (x *slowExchange) Ask(ctx context.Context, q events.Question) (events.Answer, error) {
	x.mu.Lock()
	x.asked = time.Now()
	x.mu.Unlock()
	a, err := x.Exchange.Ask(ctx, q)
	time.Sleep(x.delay)
	return a, err
}

func (x *slowExchange) lastAsked() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.asked
}

func TestEdgesStandInForDeadIssuers(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		var edges []*edge
		for n := range 20 {
			edges = append(edges, startEdge(ctx, log, x, fmt.Sprint(n)))
		}
		time.Sleep(5 * time.Second)
		wantFresh(t, true, edges...)
		i.stop()
		for range 120 {
			time.Sleep(500 * time.Millisecond)
			wantFresh(t, true, edges...)
		}
		if n := x.Answerers(); n == 0 || n > 5 {
			t.Errorf("%d of 20 edges stand in, want a few", n)
		}
		late := startEdge(ctx, log, x, "late")
		time.Sleep(5 * time.Second)
		wantFresh(t, true, late)

		i.barrier.Vouch = func(context.Context, time.Time) string { return "vouch" }
		stop, err := x.Serve(ctx, i.barrier.Answer)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		if _, err := i.barrier.Confirm(ctx); err != nil { // as it does all the time
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if n := x.Answerers(); n != 1 {
			t.Errorf("%d answer after the issuer came back, want the issuer alone", n)
		}
		wantFresh(t, true, edges...)
	})
}

// An edge that has never been fresh in this epoch must not say it is complete.
func TestEdgesDoNotStandInForANewEpoch(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		e := startEdge(ctx, log, x, "a")
		time.Sleep(3 * time.Second)
		i.stop()
		log.Recreate()
		appendRevocations(t, log, 0, 50)
		time.Sleep(staleness + time.Second)
		wantFresh(t, false, e)
		time.Sleep(time.Minute)
		wantFresh(t, false, e, startEdge(ctx, log, x, "b"))
	})
}

func TestOneBeatAnswersAllWhoWait(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		before, err := log.State(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := i.barrier.Confirm(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		after, err := log.State(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if beats := after.LastSeq - before.LastSeq; beats > 3 {
			t.Errorf("%d beats for 1000 questions at once, want 3 at most", beats)
		}
	})
}

// The beat must come after the question: a question that arrives while one is
// being committed needs the next.
func TestAnswerIsLaterThanTheQuestion(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		var wg sync.WaitGroup
		for n := range 500 {
			wg.Go(func() {
				time.Sleep(rand.N(2 * time.Second))
				seq, err := log.Append(ctx, revocation(n))
				if err != nil {
					t.Error(err)
					return
				}
				a, err := i.barrier.Confirm(ctx)
				if err != nil || a.Seq <= seq {
					t.Errorf("asked after %d was acknowledged, told to read to %d (%v)", seq, a.Seq, err)
				}
			})
		}
		wg.Wait()
	})
}

// A log that goes back is noticed by a beat that comes out below what was read,
// even if nothing else says so and it is the first beat.
func TestBeatBelowWhatWasRead(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 10)
		r := read(ctx, log)
		synctest.Wait()
		log.SetStalled(true)
		log.Rollback(4)
		barrier := events.NewBarrier(log, r.Follower, events.RoleIssuer, "issuer", staleness/50)
		if a, err := barrier.Probe(ctx); !errors.Is(err, events.ErrDiverged) {
			t.Errorf("answered %+v, %v, want ErrDiverged", a, err)
		}
	})
}

func TestBarrierRefusesWhatItHasNotAdmitted(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		appendRevocations(t, log, 0, 10)
		if _, err := i.barrier.Confirm(ctx); err != nil {
			t.Fatal(err)
		}
		for name, fault := range map[string]func(){
			"recreated":   log.Recreate,
			"rolled back": func() { log.Rollback(4) },
			"purged":      log.Purge,
		} {
			fault()
			for range 20 { // it notices, replays, and waits to be admitted
				if _, err := i.barrier.Confirm(ctx); err == nil {
					t.Fatalf("%s: answered before it was admitted", name)
				}
				time.Sleep(200 * time.Millisecond)
			}
			if _, err := i.barrier.Confirm(ctx); !errors.Is(err, events.ErrNotAdmitted) {
				t.Fatalf("%s: %v, want ErrNotAdmitted", name, err)
			}
			i.admit(t, ctx)
			appendRevocations(t, log, 0, 10)
			if _, err := i.barrier.Confirm(ctx); err != nil {
				t.Fatalf("%s: admitted again, but %v", name, err)
			}
		}
	})
}
