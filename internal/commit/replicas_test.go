package commit_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// replicated is a log of replicas that expire by clocks of their own. Each reader is
// bound to one of them; some are ahead, and never lead.
type replicated struct {
	events.Log
	ahead time.Duration
	bound func() (toOneAhead bool)
}

func (l replicated) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		ahead, began := l.bound(), time.Now()
		for m, err := range l.Log.Follow(ctx, after) {
			if err == nil && ahead && m.Kind == events.KindRevocation && m.Time.Before(began) && m.Time.Add(m.TTL).Before(began.Add(l.ahead)) {
				continue // it has expired there
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// An issuer that reads the log from a replica which has dropped revocations early
// must not admit that reading because another reader, bound elsewhere, finds them.
func TestReadFromAReplicaThatIsAhead(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, func(w *world) {
				rng, turn := rand.New(rand.NewPCG(seed, 9)), sync.Mutex{}
				log := replicated{w.log, 20 * time.Minute, func() bool {
					turn.Lock()
					defer turn.Unlock()
					return rng.IntN(3) == 0
				}}
				a := w.issuerOn("a", log)
				w.settled(a)
				sids := w.mustCommit(a, 1)
				w.sleep(11 * time.Minute)
				a.kill()
				b := w.issuerOn("b", log)
				w.settled(b)
				var late []*edge
				for n := range 3 {
					late = append(late, w.edgeOn(fmt.Sprint("late ", n), log))
				}
				for range 100 {
					w.sleep(200 * time.Millisecond)
					for n, e := range late {
						if e.accepts(sids[0]) {
							t.Fatalf("edge %d, fresh %t, accepts what was revoked 11 minutes ago", n, e.fresh())
						}
					}
				}
			})
		})
	}
}

// lossy is a log one of whose replicas has dropped what stood up to a sequence: its
// clock had leapt, and is right again.
type lossy struct {
	events.Log
	lost  *atomic.Uint64
	drops *atomic.Uint64
	bound func() (toThatOne bool)
}

func (l lossy) Drop(ctx context.Context, seq uint64) error {
	l.drops.Add(1)
	return l.Log.Drop(ctx, seq)
}

// lose has one replica drop what stands in the log.
func (l lossy) lose(w *world) {
	w.t.Helper()
	s, err := w.log.State(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	l.lost.Store(s.LastSeq)
}

func (l lossy) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		bad := l.bound()
		for m, err := range l.Log.Follow(ctx, after) {
			if err == nil && bad && m.Kind == events.KindRevocation && m.Seq <= l.lost.Load() {
				continue
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// Replicas that have dropped different revocations are made equal, and not only when
// the last of those has expired: whoever starts then reads the log once, wherever it
// is bound.
func TestReplicasThatDifferAreMadeEqual(t *testing.T) {
	for name, lose := range map[string]func(w *world, log lossy, a *issuer){
		"a replica's clock has leapt, and two readings differ": func(w *world, log lossy, a *issuer) {
			log.lose(w)
			for n := 0; log.drops.Load() == 0; n++ {
				if n == 50 {
					w.t.Fatal("nobody has made them equal")
				}
				b := w.issuerOn(fmt.Sprint("b", n), log)
				w.settled(b)
				w.sleep(5 * time.Second)
				b.kill()
			}
			w.sleep(5 * time.Second)
		},
		"the leader's clock leaps while the store is not whole": func(w *world, log lossy, a *issuer) {
			w.store.Restart()
			w.log.SetClock(10 * time.Minute)
			log.lose(w)
			w.sleep(3 * time.Minute)
		},
		"the leader's clock leaps and returns": func(w *world, log lossy, a *issuer) {
			w.log.SetClock(10 * time.Minute) // by which nothing expires
			w.sleep(5 * time.Second)
			log.lose(w)
			w.log.SetClock(0)
			w.sleep(5 * time.Second)
		},
	} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				inWorld(t, func(w *world) {
					rng, turn := rand.New(rand.NewPCG(seed, 9)), sync.Mutex{}
					log := lossy{w.log, &atomic.Uint64{}, &atomic.Uint64{}, func() bool {
						turn.Lock()
						defer turn.Unlock()
						return rng.IntN(3) == 0
					}}
					a := w.issuerOn("a", log)
					w.settled(a)
					sids := w.mustCommit(a, 20)
					lose(w, log, a)
					w.settled(a)
					w.wantBoth(sids...)
					for n := range 12 {
						t, late := w.t, w.edgeOn(fmt.Sprint("late ", n), log)
						w.within(2*time.Second, "fresh", late.fresh)
						if lineage := late.follower.Position().Lineage; lineage != 0 {
							t.Fatalf("edge %d has read the log %d times", n, 1+lineage)
						}
						for _, sid := range sids {
							if late.accepts(sid) {
								t.Fatalf("edge %d accepts %s", n, sid)
							}
						}
					}
				})
			})
		}
	}
}

// The log's clock leaps while no issuer lives to see it.
func TestLeapWhileNoIssuerLives(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		sids := w.mustCommit(a, 1)
		w.sleep(10 * time.Second)
		a.kill()
		w.log.SetClock(20 * time.Minute)
		w.settled(w.issuer("b"))
		w.sleep(11 * time.Minute)
		late := w.edge("late")
		w.within(20*time.Second, "fresh", late.fresh)
		if late.accepts(sids[0]) {
			t.Error("accepts what was revoked 11 minutes ago: it has expired early")
		}
	})
}

// A clock of the log that runs a little fast, by less than a leap in ten minutes,
// adds up over the life of a long token.
func TestClockThatGainsOverALongLife(t *testing.T) {
	inWorld(t, func(w *world) {
		const life = 8 * time.Hour
		a := w.issuerBy("a", life, func(string) error { return nil })
		w.settled(a)
		sids := w.mustCommit(a, 1)
		start, off := time.Now(), time.Duration(0)
		for time.Since(start) < life-17*time.Minute {
			w.sleep(10*time.Minute + 2*time.Second)
			off += 28 * time.Second
			w.log.SetClock(off)
		}
		w.sleep(life - 3*time.Minute - time.Since(start))
		late := w.edge("late")
		w.within(20*time.Second, "fresh", late.fresh)
		if late.accepts(sids[0]) {
			t.Error("accepts what was revoked, 3 minutes before the token ends")
		}
	})
}
