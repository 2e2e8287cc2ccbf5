package events_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

// An edge's machine is stopped by its hypervisor and goes on later, and its clock
// with it. What was fresh by that clock is older than it says: the edge learns that
// from the log's clock, with the next question. The answer to it does not count,
// since the machine may have been stopped after it was asked. If it was stopped
// while an answer was on its way, that one is believed until then.
func TestClockThatStoodStill(t *testing.T) {
	for name, whileAnswered := range map[string]bool{
		"between two questions": false, "while an answer was on its way": true,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context) {
				log, x := memlog.New(), &memlog.Exchange{}
				startIssuer(t, ctx, log, x)
				r := read(ctx, log)
				start, stood, lost, asOf := time.Now(), time.Duration(0), 0, time.Duration(-1)
				stop := func(events.Answer) {
					time.Sleep(time.Minute)
					stood += time.Minute
				}
				way := &interposed{Exchange: x, after: func(events.Answer) {}}
				s := &events.Sync{
					Exchange: way, Follower: r.Follower, Interval: staleness / 4, Log: slog.New(slog.DiscardHandler),
					Barrier: events.NewBarrier(log, r.Follower, events.RoleEdge, "edge", staleness/50),
					Elapsed: func() time.Duration { return time.Since(start) - stood },
					Renew:   func(at, _ time.Duration) { asOf = at },
					Lose:    func() { lost++ },
				}
				round := func(want bool, wantLost int) {
					t.Helper()
					time.Sleep(time.Second)
					asOf = -1
					if err := s.Round(ctx); (err == nil) != want || (asOf >= 0) != want || lost != wantLost {
						t.Fatalf("%v, as of %s, lost %d times, want it to count: %t", err, asOf, lost, want)
					}
				}
				round(true, 0)
				if whileAnswered {
					way.after = stop
					round(true, 0)
					way.after = func(events.Answer) {}
				} else {
					stop(events.Answer{})
				}
				round(false, 1)
				round(true, 1)
			})
		})
	}
}

// An issuer that refuses is there: edges do not answer in its place, however long
// it takes. One that is silent is not.
func TestEdgesDoNotStandInForOneThatRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		edges := []*edge{startEdge(ctx, log, x, "a"), startEdge(ctx, log, x, "b")}
		time.Sleep(5 * time.Second)
		wantFresh(t, true, edges...)
		i.barrier.Admit(events.Position{})
		for range 60 {
			time.Sleep(time.Second)
			if n := x.Answerers(); n != 1 {
				t.Fatalf("%d answer, want the issuer alone", n)
			}
		}
		wantFresh(t, false, edges...)
		i.stop()
		time.Sleep(4 * staleness)
		wantFresh(t, true, edges...)
	})
}

// After an interruption edges give the issuers time to come back.
func TestEdgesWaitForIssuersAfterAnInterruption(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		e := startEdge(ctx, log, x, "a")
		time.Sleep(5 * time.Second)
		i.stop()
		log.SetDown(true)
		time.Sleep(time.Minute)
		log.SetDown(false)
		for start := time.Now(); time.Since(start) < staleness/2-100*time.Millisecond; time.Sleep(50 * time.Millisecond) {
			if n := x.Answerers(); n > 0 {
				t.Fatalf("stands in %s after the interruption", time.Since(start))
			}
		}
		time.Sleep(3 * staleness)
		wantFresh(t, true, e)
	})
}
