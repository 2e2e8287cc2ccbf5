//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/chaos/history"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

// recoveryLimit is a ceiling for machines that are busy with other tests;
// freshLimit is what we want, electedLimit where nats-servers must elect first: 4 to
// 9 s for each try, two if votes are split, and some more until readers have their
// consumers. What it took is in the report.
const (
	recoveryLimit = 60 * time.Second
	freshLimit    = 10 * time.Second
	electedLimit  = 30 * time.Second
)

func (f fault) freshLimit() time.Duration {
	if f.elects {
		return electedLimit
	}
	return freshLimit
}

// recover waits until nothing shows any more that there was a fault. It returns
// how long it took until every edge was fresh, and until all was whole.
func (r *run) recover(ctx context.Context) (fresh, whole time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, recoveryLimit, errors.New("no recovery within the limit"))
	defer cancel()
	start := time.Now()
	if err := r.awaitEdges(ctx, status.fresh); err != nil {
		return 0, 0, err
	}
	fresh = time.Since(start)
	if err := r.awaitEdges(ctx, status.whole); err != nil {
		return fresh, 0, err
	}
	for _, issuer := range r.issuers {
		if err := poll.Until(ctx, func() error { return r.signsInAndOut(ctx, issuer) }); err != nil {
			return fresh, 0, err
		}
	}
	return fresh, time.Since(start), nil
}

func (s status) fresh() error {
	if s.State != "fresh" {
		return fmt.Errorf("is %s, its store %s", s.State, s.Store)
	}
	return nil
}

func (s status) whole() error {
	if s.Store != "vouched" {
		return fmt.Errorf("is %s, its store %s", s.State, s.Store)
	}
	return s.fresh()
}

// awaitEdges waits until every edge is as good as asked for.
func (r *run) awaitEdges(ctx context.Context, good func(status) error) error {
	return poll.Until(ctx, func() error { return r.edgesAre(ctx, good) })
}

func (r *run) edgesAre(ctx context.Context, good func(status) error) error {
	var errs []error
	for _, e := range r.edges {
		s, err := e.status(ctx)
		if err == nil {
			err = good(s)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", e.spec.Name, err))
		}
	}
	return errors.Join(errs...)
}

// signsInAndOut shows that an issuer reaches both log and store.
func (r *run) signsInAndOut(ctx context.Context, issuer *node) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s := r.login(ctx, issuer)
	if s == nil {
		return fmt.Errorf("no login at %s", issuer.spec.Name)
	}
	if got := r.workload.end(ctx, issuer, s, true); got != history.Committed {
		return fmt.Errorf("logout at %s: %s", issuer.spec.Name, got)
	}
	return nil
}

// revokeSome ends n sessions and returns a token of each, once the end of each
// has been answered with 200.
func (r *run) revokeSome(ctx context.Context, n int) (ended []*token, err error) {
	for len(ended) < n {
		s := r.pool.take(0)
		if s == nil {
			return ended, errors.New("no session left to end")
		}
		if err := r.endSession(ctx, s); err != nil {
			return ended, err
		}
		ended = append(ended, s.tokens[0])
	}
	return ended, nil
}

// endSession ends a session that the caller has taken, until that is answered
// with 200.
func (r *run) endSession(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	err := poll.Until(ctx, func() error {
		if got := r.logout(ctx, r.anyIssuer(), s.tokens[0]); got != history.Committed {
			return fmt.Errorf("logout: %s", got)
		}
		return nil
	})
	if err == nil {
		r.pool.end(s.tokens...)
	}
	return err
}
