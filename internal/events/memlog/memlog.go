// Package memlog is a Log in memory, for tests: it keeps the contract of
// events.Log by the clock of time.Now, so it works inside a synctest bubble,
// and it can be broken in the ways in which a real log breaks.
package memlog

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// A Log is an in-memory events.Log. The zero value does not exist yet: Ensure
// creates it. It may be used from several goroutines at once.
type Log struct {
	mu       sync.Mutex
	epoch    int // 0 while the log does not exist
	binding  int // changes whenever every follower has to bind anew
	lastSeq  uint64
	messages []events.Message
	changed  chan struct{}
	down     bool
	stalled  bool
	gone     bool // deleted, until it is ensured
	lose     int  // acknowledgements to lose
	expired  time.Time
	clock    time.Duration // how far the log's own clock is off
}

// New returns a log that exists.
func New() *Log {
	l := &Log{}
	l.Recreate()
	return l
}

// update runs f under the lock and wakes every follower.
func (l *Log) update(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	if l.changed != nil {
		close(l.changed)
	}
	l.changed = make(chan struct{})
}

// Recreate makes a new, empty log in the place of the old one.
func (l *Log) Recreate() {
	l.update(func() { l.epoch, l.lastSeq, l.messages, l.binding = l.epoch+1, 0, nil, l.binding+1 })
}

// Delete removes the log, until somebody ensures that there is one.
func (l *Log) Delete() { l.update(func() { l.gone = true; l.messages = nil; l.binding++ }) }

// Remove drops the first n revocations, and nothing else.
func (l *Log) Remove(n int) {
	l.RemoveIf(func([]byte) bool { n--; return n >= 0 })
}

// RemoveIf drops the revocations whose data match.
func (l *Log) RemoveIf(match func(data []byte) bool) {
	l.update(func() {
		l.messages = slices.DeleteFunc(l.messages, func(m events.Message) bool {
			return m.Kind == events.KindRevocation && match(m.Data)
		})
	})
}

// Purge drops every message; the sequence goes on.
func (l *Log) Purge() { l.update(func() { l.messages = nil }) }

// Rollback forgets everything after seq, within the same epoch.
func (l *Log) Rollback(seq uint64) {
	l.update(func() {
		l.messages = slices.DeleteFunc(l.messages, func(m events.Message) bool { return m.Seq > seq })
		l.lastSeq, l.binding = seq, l.binding+1
	})
}

// Interrupt ends every follow, as a server restart does.
func (l *Log) Interrupt() { l.update(func() { l.binding++ }) }

// SetDown makes every call fail, and ends every follow, while down is true.
func (l *Log) SetDown(down bool) { l.update(func() { l.down = down; l.binding++ }) }

// SetStalled makes follows deliver nothing, without any error, while stalled.
func (l *Log) SetStalled(stalled bool) { l.update(func() { l.stalled = stalled }) }

// LoseAcks makes the next n appends commit but report failure.
func (l *Log) LoseAcks(n int) { l.update(func() { l.lose = n }) }

// SetClock moves the log's own clock, by which it stamps and expires, as the
// server's may leap, or the lead go to a server whose clock is another.
func (l *Log) SetClock(off time.Duration) { l.update(func() { l.clock = off }) }

// Has reports whether the log holds a message at seq.
func (l *Log) Has(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	_, found := slices.BinarySearchFunc(l.messages, seq, bySeq)
	return found
}

// now is the log's own clock.
func (l *Log) now() time.Time { return time.Now().Add(l.clock) }

// Ensure implements events.Log.
func (l *Log) Ensure(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return events.ErrUnavailable
	}
	if l.gone || l.epoch == 0 {
		l.gone = false
		l.epoch, l.lastSeq, l.messages, l.binding = l.epoch+1, 0, nil, l.binding+1
	}
	return nil
}

// Append implements events.Log.
func (l *Log) Append(ctx context.Context, r events.Record) (seq uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.update(func() {
		if err = l.usable(); err != nil {
			return
		}
		l.lastSeq++
		seq = l.lastSeq
		l.messages = append(l.messages, events.Message{
			Epoch: l.name(), Seq: seq, Time: l.now(), Kind: r.Kind, TTL: r.TTL, Data: slices.Clone(r.Data), Mark: r.Mark, StandIn: r.StandIn,
		})
		if l.lose > 0 {
			l.lose--
			err = fmt.Errorf("%w: acknowledgement lost", events.ErrUnavailable)
		}
	})
	if err != nil {
		return 0, err
	}
	return seq, nil
}

// Drop implements events.Log.
func (l *Log) Drop(_ context.Context, seq uint64) (err error) {
	l.update(func() {
		if err = l.usable(); err == nil {
			l.messages = slices.DeleteFunc(l.messages, func(m events.Message) bool { return m.Seq <= seq && m.Kind != events.KindBeat })
		}
	})
	return err
}

// Sweep implements events.Log.
func (l *Log) Sweep(_ context.Context, seq uint64) (err error) {
	l.update(func() {
		if err = l.usable(); err == nil {
			l.messages = slices.DeleteFunc(l.messages, func(m events.Message) bool { return m.Seq <= seq && m.StandIn })
		}
	})
	return err
}

// State implements events.Log.
func (l *Log) State(context.Context) (events.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return events.State{}, err
	}
	l.expire()
	s := events.State{Epoch: l.name(), LastSeq: l.lastSeq, Now: l.now()}
	for _, m := range l.messages {
		if m.Kind == events.KindRevocation {
			s.Revocations++
		}
	}
	return s, nil
}

// Follow implements events.Log.
func (l *Log) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		binding, err := l.bind(after)
		for seq := after.Seq; err == nil; {
			var m events.Message
			if m, err = l.next(ctx, binding, seq); err == nil {
				seq = m.Seq
				if !yield(m, nil) {
					return
				}
			}
		}
		yield(events.Message{}, err)
	}
}

func (l *Log) bind(after events.Cursor) (binding int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return 0, err
	}
	l.expire()
	i, holds := slices.BinarySearchFunc(l.messages, after.Seq, bySeq)
	holds = holds && after.Epoch == l.messages[i].Epoch && after.Time.Equal(l.messages[i].Time)
	if after != (events.Cursor{}) && !holds {
		return 0, events.ErrDiverged
	}
	return l.binding, nil
}

func (l *Log) next(ctx context.Context, binding int, seq uint64) (events.Message, error) {
	for {
		if err := ctx.Err(); err != nil {
			return events.Message{}, err
		}
		l.mu.Lock()
		m, ok, err := l.at(binding, seq)
		changed := l.changed
		l.mu.Unlock()
		if ok || err != nil {
			return m, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return events.Message{}, ctx.Err()
		}
	}
}

// at returns the first message after seq, if there is one to deliver.
func (l *Log) at(binding int, seq uint64) (events.Message, bool, error) {
	if err := l.usable(); err != nil {
		return events.Message{}, false, err
	}
	if l.binding != binding {
		return events.Message{}, false, fmt.Errorf("%w: interrupted", events.ErrUnavailable)
	}
	l.expire()
	i, _ := slices.BinarySearchFunc(l.messages, seq+1, bySeq)
	if i == len(l.messages) || l.stalled {
		return events.Message{}, false, nil
	}
	m := l.messages[i]
	m.Pending = uint64(len(l.messages) - i - 1)
	return m, true, nil
}

func (l *Log) usable() error {
	switch {
	case l.down:
		return events.ErrUnavailable
	case l.epoch == 0 || l.gone:
		return events.ErrNoLog
	}
	return nil
}

func bySeq(m events.Message, seq uint64) int { return cmp.Compare(m.Seq, seq) }

// expire drops what is past its TTL, at most once a second, as a server does.
func (l *Log) expire() {
	now := l.now()
	if since := now.Sub(l.expired); since >= 0 && since < time.Second {
		return
	}
	l.expired = now
	l.messages = slices.DeleteFunc(l.messages, func(m events.Message) bool {
		return m.TTL > 0 && m.Time.Add(m.TTL).Before(now)
	})
}

func (l *Log) name() string { return fmt.Sprint("epoch-", l.epoch) }
