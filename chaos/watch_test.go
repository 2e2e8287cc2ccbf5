//go:build unix

package chaos

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// A watch looks at the edges all the time.
type watch struct {
	mu   sync.Mutex // guards seen
	seen []sight
}

// A sight is what one edge said of itself, as of at on the recorder's clock.
type sight struct {
	at    time.Duration
	edge  string
	state string // empty: no answer
}

func startWatch(t testing.TB, r *run) *watch {
	w := &watch{}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	for _, e := range r.edges {
		running.Go(func() {
			for pause(ctx, staleness/10) {
				at := r.rec.Now()
				s, err := e.status(ctx)
				if err != nil {
					s = status{}
				}
				w.mu.Lock()
				w.seen = append(w.seen, sight{at, e.spec.Name, s.State})
				w.mu.Unlock()
			}
		})
	}
	return w
}

// always returns an error unless every edge was in the state in every look
// from one instant to the other.
func (w *watch) always(state string, from, to time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	looks, others := 0, 0
	var last sight
	for _, s := range w.seen {
		if s.at < from || s.at > to {
			continue
		}
		if looks++; s.state != state {
			others++
			last = s
		}
	}
	if looks == 0 || others > 0 {
		return fmt.Errorf("%d of %d looks found an edge that was not %s, the last %+v", others, looks, state, last)
	}
	return nil
}
