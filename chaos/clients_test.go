//go:build unix

package chaos

import (
	"context"
	"math/rand/v2"

	"github.com/curfew-auth/curfew/chaos/history"
)

func (w *workload) anyIssuer() *node { return w.cluster.issuers[rand.IntN(len(w.cluster.issuers))] }

func (w *workload) someLogin(ctx context.Context) {
	if w.pool.size() >= wanted {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s := w.login(ctx, w.anyIssuer()); s != nil {
		w.pool.put(s)
	}
}

// someRevocation logs a session out, ends one token, or all that a user has.
// What is not answered with 200 or 202 will be tried again, as people do.
func (w *workload) someRevocation(ctx context.Context) {
	if rand.IntN(10) == 0 {
		w.someCutoff(ctx)
		return
	}
	if s := w.pool.take(least); s != nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		w.end(ctx, w.anyIssuer(), s, rand.IntN(5) < 3)
	}
}

// someCutoff ends all that a user has. The user's next login comes soon.
func (w *workload) someCutoff(ctx context.Context) {
	user, sessions := w.pool.takeUser(2 * least)
	if len(sessions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	over := taken(w.revoke(ctx, w.anyIssuer(), scopeUser, user))
	for _, s := range sessions {
		if over {
			w.pool.end(s.tokens...)
			w.pool.close(s)
		} else {
			w.pool.put(s)
		}
	}
}

// end ends a session that the caller has taken, or only one of its tokens.
func (w *workload) end(ctx context.Context, issuer *node, s *session, whole bool) history.RevokeOutcome {
	i := rand.IntN(len(s.tokens))
	t := s.tokens[i]
	if whole {
		outcome := w.logout(ctx, issuer, t)
		if !taken(outcome) {
			w.pool.put(s)
			return outcome
		}
		w.pool.end(s.tokens...)
		w.pool.close(s)
		return outcome
	}
	outcome := w.revoke(ctx, issuer, history.ScopeToken, t.jti)
	if taken(outcome) {
		s.tokens = append(s.tokens[:i:i], s.tokens[i+1:]...)
		w.pool.end(t)
	}
	w.pool.put(s) // unless that was its last token
	return outcome
}

func taken(o history.RevokeOutcome) bool { return o == history.Committed || o == history.Pending }

// someRefresh renews a session, or tries to renew one that was ended.
func (w *workload) someRefresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s := w.pool.takeClosed(); s != nil && rand.IntN(3) == 0 {
		w.refresh(ctx, w.anyIssuer(), s)
		return
	} else if s != nil {
		w.pool.close(s)
	}
	if s := w.pool.take(0); s != nil {
		if s.refresh != "" {
			w.refresh(ctx, w.anyIssuer(), s)
		}
		w.pool.put(s)
	}
}
