//go:build unix

package chaos

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// foreignRegion shares NATS, Redis, the issuer's name and its keys with ours, as
// happens when an operator copies a configuration.
const foreignRegion = "far"

// foreign is what was seen while there was another region.
type foreign struct {
	issuer, edge *node
	// How often a token was accepted where it was issued, and in the other
	// region; and how often the other region answered.
	home, away, asked atomic.Int64
}

// openRegion starts an issuer and an edge of another region, and presents tokens
// of each region in the other. They are revoked in their own region alone, so an
// edge of the other must accept none, revoked or not.
func openRegion(_ context.Context, r *run) error {
	f := &r.foreign
	f.home.Store(0)
	f.away.Store(0)
	f.asked.Store(0)
	far := func(user string, s proc.Spec) *node {
		s.Name = user + "-far"
		s.Env = append(s.Env, "CURFEW_REGION="+foreignRegion)
		return r.startNode(user+"_"+foreignRegion, s)
	}
	f.issuer, f.edge = far("issuer", r.issuerSpec(8)), far("edge", r.edgeSpec(8))
	r.meanwhile(r.travel)
	return nil
}

// travel is not part of the history: nothing is promised about these calls but
// that none is accepted.
func (r *run) travel(ctx context.Context) {
	f := &r.foreign
	var theirs *token
	for pause(ctx, 5*time.Millisecond) {
		if theirs == nil {
			theirs = r.loginAbroad(ctx)
			continue
		}
		f.home.Add(r.presented(ctx, f.edge, theirs))
		for _, e := range r.edges {
			f.away.Add(r.presented(ctx, e, theirs))
		}
		if ours := r.pool.pick(3 * staleness); ours != nil {
			f.asked.Add(1)
			f.away.Add(r.presented(ctx, f.edge, ours))
		}
	}
}

func (r *run) loginAbroad(ctx context.Context) *token {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t, _, _ := r.ask(ctx, r.foreign.issuer, http.MethodPost, "/v1/login", "", map[string]string{
		"username": username(0), "password": r.secrets.password,
	}).grant()
	return t
}

// presented is 1 if an edge accepted the token, else 0.
func (r *run) presented(ctx context.Context, edge *node, t *token) int64 {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if r.ask(ctx, edge, http.MethodGet, "/v1/whoami", t.raw, nil).status == http.StatusOK {
		return 1
	}
	return 0
}

func closeRegion(ctx context.Context, r *run) error {
	ready := r.foreign.edge.awaitReady(ctx) // else nothing was shown
	pause(ctx, staleness/4)
	r.ended()
	if err := r.foreign.edge.Kill(); err != nil {
		return err
	}
	if err := r.foreign.issuer.Kill(); err != nil {
		return err
	}
	return ready
}

// refusedAbroad: no token was accepted in the other region, and the edge there
// accepts its own.
func refusedAbroad(r *run, _ result) error {
	f := &r.foreign
	if home, away, asked := f.home.Load(), f.away.Load(), f.asked.Load(); home == 0 || away > 0 || asked == 0 {
		return fmt.Errorf("tokens were accepted %d times in their own region, and %d times in the other, which was asked %d times", home, away, asked)
	}
	return nil
}
