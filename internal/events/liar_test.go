package events_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

// A liar answers in the place of an issuer. It may ask issuers itself, in any
// words, and read the whole log; it cannot write.
type liar struct {
	events.Exchange

	mu       sync.Mutex
	lie      func(ctx context.Context, q events.Question) (events.Answer, error)
	recorded []events.Answer // honest ones, to other questions
}

func (l *liar) Ask(ctx context.Context, q events.Question) (events.Answer, error) {
	l.mu.Lock()
	lie := l.lie
	l.mu.Unlock()
	return lie(ctx, q)
}

// honestly ends the lies.
func (l *liar) honestly() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lie = l.honest
}

func (l *liar) honest(ctx context.Context, q events.Question) (events.Answer, error) {
	a, err := l.Exchange.Ask(ctx, q)
	if err == nil {
		l.mu.Lock()
		l.recorded = append(l.recorded, a)
		l.mu.Unlock()
	}
	return a, err
}

// first is the first answer that was recorded, nil if there is none.
func (l *liar) first() *events.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.recorded) == 0 {
		return nil
	}
	return &l.recorded[0]
}

// Whoever may answer the question, and lies, makes no edge fresh. The lies that
// tell of a beat which does not commit to the question would make it fresh as of
// a time after a revocation that it has not read.
func TestLiesMakeNobodyFresh(t *testing.T) {
	other := events.Question{Nonce: "another"}
	for name, lie := range map[string]func(*liar, context.Context, events.Question) (events.Answer, error){
		"the answer to another question": func(l *liar, ctx context.Context, _ events.Question) (events.Answer, error) {
			return l.honest(ctx, other)
		},
		"an old answer": func(l *liar, ctx context.Context, _ events.Question) (events.Answer, error) {
			if old := l.first(); old != nil {
				return *old, nil
			}
			return l.honest(ctx, other)
		},
		"the beat of one with the seal of another": func(l *liar, ctx context.Context, q events.Question) (events.Answer, error) {
			a, err := l.honest(ctx, q)
			if err != nil {
				return a, err
			}
			b, err := l.honest(ctx, other)
			a.Seal = b.Seal
			return a, err
		},
		"a beat as its own seal": func(l *liar, ctx context.Context, q events.Question) (events.Answer, error) {
			a, err := l.honest(ctx, q)
			a.Seal = a.Seq
			return a, err
		},
		"no seal": func(l *liar, ctx context.Context, q events.Question) (events.Answer, error) {
			a, err := l.honest(ctx, q)
			a.Seal = 0
			return a, err
		},
		"nothing": func(_ *liar, _ context.Context, _ events.Question) (events.Answer, error) {
			return events.Answer{Epoch: "epoch-1"}, nil
		},
		"another log": func(l *liar, ctx context.Context, q events.Question) (events.Answer, error) {
			a, err := l.honest(ctx, q)
			a.Epoch = "epoch-7"
			return a, err
		},
		"the end of time": func(l *liar, ctx context.Context, q events.Question) (events.Answer, error) {
			a, err := l.honest(ctx, q)
			a.Seq, a.Seal = 1<<63, 1<<63+1
			return a, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context) {
				log, x := memlog.New(), &memlog.Exchange{}
				appendRevocations(t, log, 0, 10)
				startIssuer(t, ctx, log, x)
				l := &liar{Exchange: x}
				l.lie = func(ctx context.Context, q events.Question) (events.Answer, error) { return lie(l, ctx, q) }
				e := startEdge(ctx, log, l, "a")
				for range 20 {
					time.Sleep(time.Second)
					wantFresh(t, false, e)
				}
				l.honestly() // so that something was shown
				time.Sleep(5 * time.Second)
				wantFresh(t, true, e)
			})
		})
	}
}

// A liar has an issuer commit a beat for the question of an edge, although that
// issuer refuses: it knows that the log has lost something.
func TestBeatOfAnIssuerThatRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		appendRevocations(t, log, 0, 10)
		i := startIssuer(t, ctx, log, x)
		time.Sleep(time.Second)
		log.Remove(3)
		l := &liar{Exchange: x}
		l.lie = func(ctx context.Context, q events.Question) (events.Answer, error) {
			if _, err := l.honest(ctx, q); err == nil {
				t.Error("an issuer answers for a log that has lost something")
			}
			s, err := log.State(ctx)
			return events.Answer{Epoch: s.Epoch, Seq: s.LastSeq, Seal: s.LastSeq}, err
		}
		e := startEdge(ctx, log, l, "a")
		time.Sleep(20 * time.Second)
		wantFresh(t, false, e)
		if i.barrier.Admitted() {
			t.Error("admitted: this shows nothing")
		}
	})
}

func TestQuestionsWithoutAGoodNonce(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		before, _ := log.State(ctx)
		for _, nonce := range []string{"", string(make([]byte, 65))} {
			if a, err := i.barrier.Answer(ctx, events.Question{Nonce: nonce}); err == nil {
				t.Errorf("nonce of %d bytes: %+v", len(nonce), a)
			}
		}
		if after, _ := log.State(ctx); after.LastSeq != before.LastSeq {
			t.Error("a bad question had a beat committed")
		}
	})
}

// A replica delivers as many revocations as an issuer has read, but not the same.
func TestAsManyButNotTheSame(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		appendRevocations(t, log, 0, 10)
		startIssuer(t, ctx, log, x)
		e := startEdge(ctx, otherLog{log}, x, "late")
		for range 20 {
			time.Sleep(time.Second)
			wantFresh(t, false, e)
		}
	})
}

// An otherLog delivers the third revocation in place of the fourth.
type otherLog struct{ *memlog.Log }

func (l otherLog) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		var third []byte
		for m, err := range l.Log.Follow(ctx, after) {
			switch m.Seq {
			case 3:
				third = m.Data
			case 4:
				m.Data = third
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// A loss is masked by entries that are about to expire. While the answer to one
// late edge is between its beat and its count, another has the answerer read the
// log anew: the count would be that of what is left.
func TestReadAnewBetweenBeatAndCount(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		old, recent := live(20, 3*time.Minute), live(50, 30*time.Minute)[20:]
		for _, r := range append(old, recent...) {
			if _, err := events.Publish(ctx, log, r); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2*time.Minute + 10*time.Second)
		admitted := i.Position()
		log.RemoveIf(func(data []byte) bool {
			r, err := events.DecodeRevocation(data)
			return err == nil && r.Subject == "sid-30"
		})
		if _, err := i.barrier.Confirm(ctx); err != nil {
			t.Fatalf("the loss is meant to be masked here, but %v", err)
		}
		slow := &slowState{Log: log}
		b := events.NewBarrier(slow, i.Follower, events.RoleIssuer, "issuer", staleness/50)
		slow.replay = i.Replay
		b.Admit(admitted) // before the loss; nothing is admitted later
		way := &memlog.Exchange{}
		if _, err := way.Serve(ctx, b.Answer); err != nil {
			t.Fatal(err)
		}
		e := startEdge(ctx, log, way, "late")
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			if e.accepts("sid-30") {
				t.Fatal("a late edge accepts what was committed two minutes ago")
			}
		}
	})
}

// A slowState has the follower read anew while the log describes itself.
type slowState struct {
	*memlog.Log
	replay func()
	once   sync.Once
}

func (l *slowState) State(ctx context.Context) (events.State, error) {
	l.once.Do(func() {
		l.replay()
		time.Sleep(300 * time.Millisecond)
	})
	return l.Log.State(ctx)
}
