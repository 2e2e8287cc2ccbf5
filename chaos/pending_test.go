//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/chaos/history"
	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

// logoutsMeanwhile is how many users log out while NATS is away, and presentEvery
// how often each edge is shown their tokens once it is back.
const (
	logoutsMeanwhile = 6
	presentEvery     = 3 * time.Millisecond
)

// cutEveryLog: the servers live on, so that once the links are healed it takes no
// election until edges can be fresh again.
func cutEveryLog(_ context.Context, r *run) error {
	return eachNATSLink(r, func(l *faultproxy.Proxy) error { return cut(l) })
}

func eachNATSLink(r *run, do func(*faultproxy.Proxy) error) error {
	var errs []error
	for _, n := range r.all() {
		for _, l := range n.nats {
			errs = append(errs, do(l))
		}
	}
	return errors.Join(errs...)
}

// logOutMeanwhile has users log out once no edge is fresh, so that all ask the
// store, and shows their tokens to every edge until it has refused them: from
// then on users may rely on it.
func logOutMeanwhile(ctx context.Context, r *run) error {
	pause(ctx, staleness+staleness/10)
	r.pending = nil
	for len(r.pending) < logoutsMeanwhile && ctx.Err() == nil {
		s := r.pool.take(0)
		if s == nil {
			return errors.New("no session left to end")
		}
		soon, cancel := context.WithTimeout(ctx, 2*patience)
		if outcome := r.workload.end(soon, r.anyIssuer(), s, true); outcome == history.Pending {
			r.pending = append(r.pending, s.tokens...)
		}
		cancel()
	}
	for _, e := range r.edges {
		for _, t := range r.pending {
			if err := r.awaitRefusal(ctx, e, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) awaitRefusal(ctx context.Context, edge *node, t *token) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	return poll.Until(ctx, func() error {
		if got := r.call(ctx, edge, t); got != history.Refused {
			return fmt.Errorf("%s: a token that was ended is %s", edge.spec.Name, got)
		}
		return nil
	})
}

// returnAndWatch presents those tokens all the time while NATS comes back, until
// every edge has been fresh for a while.
func returnAndWatch(ctx context.Context, r *run) error {
	watching, stop := context.WithCancel(ctx)
	var edges sync.WaitGroup
	for _, e := range r.edges {
		edges.Go(func() { r.present(watching, e, r.pending) })
	}
	err := eachNATSLink(r, (*faultproxy.Proxy).Heal)
	if err == nil {
		err = r.awaitEdges(ctx, status.fresh)
	}
	pause(ctx, staleness)
	stop()
	edges.Wait()
	return err
}

// present calls an edge with one token after the other until ctx ends.
func (r *run) present(ctx context.Context, edge *node, tokens []*token) {
	for i := 0; len(tokens) > 0 && pause(ctx, presentEvery); i++ {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		r.call(soon, edge, tokens[i%len(tokens)])
		cancel()
	}
}

// refusedMeanwhile: users were really told 202. That nobody accepts their tokens
// any more is a rule of the history.
func refusedMeanwhile(r *run, _ result) error {
	if len(r.pending) == 0 {
		return errors.New("no logout was answered with 202")
	}
	return nil
}
