//go:build unix

package chaos

import (
	"context"
	"sync"
)

// meanwhile lets work go on in the background until ended is called or the test
// ends.
func (r *run) meanwhile(work ...func(context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	for _, f := range work {
		working.Go(func() { f(ctx) })
	}
	end := sync.OnceFunc(func() {
		stop()
		working.Wait()
	})
	r.cluster.t.Cleanup(end)
	r.undo = append(r.undo, end)
}

// ended ends what meanwhile began.
func (r *run) ended() {
	for _, end := range r.undo {
		end()
	}
	r.undo = nil
}
