package commit_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

// A tape is a memlog of which the test knows what it holds, whatever the faults.
type tape struct {
	*memlog.Log

	mu   sync.Mutex
	held map[uint64]events.Revocation
	cuts map[string]events.Revocation // every cutoff there has been, by its reason
	lose int
	gate chan struct{} // appends of revocations wait for it, if there is one
}

func newTape() *tape {
	return &tape{Log: memlog.New(), held: map[uint64]events.Revocation{}, cuts: map[string]events.Revocation{}}
}

func (l *tape) Append(ctx context.Context, r events.Record) (uint64, error) {
	if gate := l.waits(); gate != nil && r.Kind == events.KindRevocation {
		<-gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, err := l.Log.Append(ctx, r)
	if err != nil || r.Kind != events.KindRevocation {
		return seq, err
	}
	rev, err := events.DecodeRevocation(r.Data)
	if err != nil {
		return 0, err
	}
	l.held[seq] = rev
	if rev.Scope.Cutoff() {
		l.cuts[rev.Reason] = rev
	}
	if l.lose > 0 {
		l.lose--
		return 0, fmt.Errorf("%w: acknowledgement lost", events.ErrUnavailable)
	}
	return seq, nil
}

func (l *tape) waits() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gate
}

// hold makes appends of revocations wait until release is called.
func (l *tape) hold() (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gate := make(chan struct{})
	l.gate = gate
	return func() { close(gate) }
}

// loseAcks makes the next n revocations be appended, but reports failure.
func (l *tape) loseAcks(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose = n
}

func (l *tape) recreate() { l.forget(0, l.Log.Recreate) }
func (l *tape) purge()    { l.forget(0, l.Log.Purge) }

func (l *tape) rollback(seq uint64) { l.forget(seq, func() { l.Log.Rollback(seq) }) }

// Drop implements events.Log.
func (l *tape) Drop(ctx context.Context, seq uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.held, func(at uint64, _ events.Revocation) bool { return at <= seq })
	return l.Log.Drop(ctx, seq)
}

// forget drops everything after seq.
func (l *tape) forget(seq uint64, fault func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fault()
	maps.DeleteFunc(l.held, func(at uint64, _ events.Revocation) bool { return at > seq })
}

// leap moves the log's own clock, and forgets what expires by that.
func (l *tape) leap(off time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.SetClock(off)
	maps.DeleteFunc(l.held, func(at uint64, _ events.Revocation) bool { return !l.Has(at) })
}

// drop removes one revocation, and leaves the rest as it was.
func (l *tape) drop(sid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.RemoveIf(func(data []byte) bool {
		r, err := events.DecodeRevocation(data)
		return err == nil && r.Subject == sid
	})
	maps.DeleteFunc(l.held, func(_ uint64, r events.Revocation) bool { return r.Subject == sid })
}

func (l *tape) holds(sid string) bool { return l.count(sid) > 0 }

// count is how many times the log holds the revocation.
func (l *tape) count(sid string) (n int) {
	for _, held := range l.all() {
		if held.Subject == sid {
			n++
		}
	}
	return n
}

// appended returns a cutoff that the log has held, whether or not it still does.
func (l *tape) appended(reason string) (r events.Revocation, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok = l.cuts[reason]
	return r, ok
}

// covers reports whether the log holds a revocation, or of a cutoff a later one.
func (l *tape) covers(r events.Revocation) bool {
	return slices.ContainsFunc(l.all(), func(held events.Revocation) bool {
		return held.Key() == r.Key() && (!r.Scope.Cutoff() || held.Stamp >= r.Stamp)
	})
}

func (l *tape) all() []events.Revocation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.held))
}

// first returns the sequence of the first revocation.
func (l *tape) first() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Min(slices.Collect(maps.Keys(l.held)))
}

// A mortalLog is one issuer's way to the log.
type mortalLog struct {
	events.Log
	life *life
}

func (l mortalLog) Append(ctx context.Context, r events.Record) (uint64, error) {
	op := "append"
	if r.Kind == events.KindBeat {
		op = "beat"
	}
	if err := l.life.step(op); err != nil {
		return 0, err
	}
	return l.Log.Append(ctx, r)
}

func (l mortalLog) Drop(ctx context.Context, seq uint64) error {
	if err := l.life.step("drop"); err != nil {
		return err
	}
	return l.Log.Drop(ctx, seq)
}

// A mortalExchange stops serving when its issuer dies.
type mortalExchange struct {
	events.Exchange
	life *life
}

func (x mortalExchange) Serve(ctx context.Context, answer events.AnswerFunc) (func(), error) {
	stop, err := x.Exchange.Serve(ctx, answer)
	if err == nil {
		x.life.mu.Lock()
		defer x.life.mu.Unlock()
		x.life.leave = append(x.life.leave, stop)
	}
	return stop, err
}

// A skewedLog is a log whose own clock is off.
type skewedLog struct {
	events.Log
	by time.Duration
}

func (l skewedLog) State(ctx context.Context) (events.State, error) {
	s, err := l.Log.State(ctx)
	s.Now = s.Now.Add(l.by)
	return s, err
}

func (l skewedLog) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	if after != (events.Cursor{}) {
		after.Time = after.Time.Add(-l.by)
	}
	return func(yield func(events.Message, error) bool) {
		for m, err := range l.Log.Follow(ctx, after) {
			m.Time = m.Time.Add(l.by)
			if !yield(m, err) {
				return
			}
		}
	}
}
