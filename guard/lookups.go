package guard

import (
	"context"
	"sync"

	"github.com/curfew-auth/curfew/internal/redisstore"
)

// lookups puts each question at most once at a time. Whoever comes while it is
// under way shares the next lookup, which begins when that one ends: no request
// is answered by a lookup that began before it came. An answer from before may be
// from before a revocation that the request must already know.
type lookups struct {
	mu     sync.Mutex
	flying map[string]*flight // the lookups that are under way, by question
}

// A flight is one lookup and those who wait for it.
type flight struct {
	ask     func() (asked, error)
	waiting int           // guarded by lookups.mu
	next    *flight       // begins after this one; guarded by lookups.mu
	done    chan struct{} // closed when answer and err are there
	answer  asked
	err     error
}

// do returns the answer of a lookup that began after do was called. An end of ctx
// ends the wait and not the lookup. ask must end by itself.
func (l *lookups) do(ctx context.Context, q redisstore.Question, ask func() (asked, error)) (asked, error) {
	f := l.join(q.String(), ask) // the text is the whole identity of the question
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		f.waiting--
		return asked{}, ctx.Err()
	}
}

func (l *lookups) join(q string, ask func() (asked, error)) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &flight{ask: ask, done: make(chan struct{})}
	switch ahead := l.flying[q]; {
	case ahead == nil:
		if l.flying == nil {
			l.flying = map[string]*flight{}
		}
		l.flying[q] = f
		go l.fly(q, f)
	case ahead.next == nil:
		ahead.next = f
	default:
		f = ahead.next
	}
	f.waiting++
	return f
}

// fly makes one lookup after the other, as long as somebody waits for the next.
func (l *lookups) fly(q string, f *flight) {
	for f != nil {
		f.answer, f.err = f.ask()
		close(f.done)
		f = l.after(q, f)
	}
}

func (l *lookups) after(q string, f *flight) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.next == nil || f.next.waiting == 0 {
		delete(l.flying, q)
		return nil
	}
	l.flying[q] = f.next
	return f.next
}
