//go:build unix

package chaos

import (
	"context"
	"math/rand/v2"
	"net/http"

	"github.com/curfew-auth/curfew/chaos/history"
)

// call presents a token to an edge.
func (w *workload) call(ctx context.Context, edge *node, t *token) history.CallOutcome {
	a := w.ask(ctx, edge, http.MethodGet, "/v1/whoami", t.raw, nil)
	outcome := callOutcome(a)
	w.cluster.rec.Call(history.Call{Span: a.Span, Edge: edge.spec.Name, JTI: t.jti, SID: t.sid, Outcome: outcome})
	return outcome
}

// login opens a session; nil if that failed.
func (w *workload) login(ctx context.Context, issuer *node) *session {
	user := rand.IntN(users)
	a := w.ask(ctx, issuer, http.MethodPost, "/v1/login", "", map[string]string{
		"username": username(user), "password": w.cluster.secrets.password,
	})
	t, refresh, ok := a.grant()
	if !ok {
		w.cluster.rec.Login(history.Grant{Span: a.Span})
		return nil
	}
	w.cluster.rec.Login(history.Grant{
		Span: a.Span, SID: t.sid, JTI: t.jti, OK: true, Groups: []history.Target{{Scope: scopeUser, ID: userID(user)}},
	})
	return &session{sid: t.sid, user: userID(user), refresh: refresh, tokens: []*token{t}}
}

// refresh renews a session of which the caller is the only user. A refresh
// token whose answer was lost is not tried again. If it is refused as reused,
// which also happens after the store lost its rotation, the issuer ends the
// session: whenever the answer is not 200, that may be so.
func (w *workload) refresh(ctx context.Context, issuer *node, s *session) {
	a := w.ask(ctx, issuer, http.MethodPost, "/v1/refresh", "", map[string]string{"refresh_token": s.refresh})
	s.refresh = ""
	t, refresh, ok := a.grant()
	if !ok {
		w.cluster.rec.Refresh(history.Grant{Span: a.Span, SID: s.sid})
		w.cluster.rec.Revoke(history.Revoke{
			Span: a.Span, Target: history.Target{Scope: history.ScopeSession, ID: s.sid}, Outcome: history.Lost,
		})
		return
	}
	w.cluster.rec.Refresh(history.Grant{Span: a.Span, SID: s.sid, JTI: t.jti, OK: true})
	s.refresh, s.tokens = refresh, append(s.tokens, t)
}

// logout ends the session of a token.
func (w *workload) logout(ctx context.Context, issuer *node, t *token) history.RevokeOutcome {
	a := w.ask(ctx, issuer, http.MethodPost, "/v1/logout", t.raw, nil)
	return w.revoked(a, history.ScopeSession, t.sid)
}

// revoke ends one token or all that a user has, as an admin does who waits
// until the edges have confirmed it.
func (w *workload) revoke(ctx context.Context, issuer *node, scope, id string) history.RevokeOutcome {
	a := w.ask(ctx, issuer, http.MethodPost, "/admin/v1/revocations?wait=confirmed&timeout=200ms",
		w.cluster.secrets.adminToken, map[string]string{"scope": scope, "id": id})
	return w.revoked(a, scope, id)
}

func (w *workload) revoked(a answer, scope, id string) history.RevokeOutcome {
	outcome := revokeOutcome(a)
	w.cluster.rec.Revoke(history.Revoke{
		Span: a.Span, Target: history.Target{Scope: scope, ID: id}, Outcome: outcome,
		Confirmed: a.confirmed(len(w.cluster.edges)),
	})
	return outcome
}
