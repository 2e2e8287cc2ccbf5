package events_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

// A log is rolled back, and others append: it counts through the same numbers
// again with other messages, and holds at least as many revocations. Whoever had
// read no more than is left cannot see that in the log.
func rollBackUnseen(t *testing.T, log *memlog.Log) {
	t.Helper()
	log.Rollback(5)
	time.Sleep(time.Millisecond) // so that what is appended now has another time
	appendRevocations(t, log, 100, 120)
}

// A lateEdge is told how far to read before the log is rolled back, and reads
// afterwards.
type lateEdge struct {
	events.Log
	events.Exchange
	rollBack   func()
	rolledBack chan struct{}
	once       sync.Once
}

func (l *lateEdge) Ask(ctx context.Context, q events.Question) (events.Answer, error) {
	a, err := l.Exchange.Ask(ctx, q)
	l.once.Do(func() {
		l.rollBack()
		close(l.rolledBack)
	})
	return a, err
}

func (l *lateEdge) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	select {
	case <-l.rolledBack:
	case <-ctx.Done():
	}
	return l.Log.Follow(ctx, after)
}

// Nobody puts back here what was lost, so the edge must never be fresh.
func TestAnotherMessageUnderTheNumberOfTheBeat(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		appendRevocations(t, log, 0, 10)
		startIssuer(t, ctx, log, x)
		late := &lateEdge{Log: log, Exchange: x, rollBack: func() { rollBackUnseen(t, log) }, rolledBack: make(chan struct{})}
		e := startEdge(ctx, late, late, "a")
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			wantFresh(t, false, e)
		}
		if seq := e.Position().Seq; seq < 25 {
			t.Errorf("read up to %d", seq)
		}
	})
}

// The beat of an answerer that lags is gone before it has read it.
func TestOwnBeatIsAnother(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 4)
		i := startIssuer(t, ctx, log, &memlog.Exchange{}) // whose beat is the fifth message
		log.SetStalled(true)
		appendRevocations(t, log, 4, 8)
		failed := make(chan error, 1)
		go func() {
			_, err := i.barrier.Confirm(ctx)
			failed <- err
		}()
		time.Sleep(time.Second) // it has been appended
		rollBackUnseen(t, log)
		log.SetStalled(false)
		if err := <-failed; !errors.Is(err, events.ErrDiverged) || i.barrier.Admitted() {
			t.Errorf("%v, admitted %t", err, i.barrier.Admitted())
		}
	})
}
