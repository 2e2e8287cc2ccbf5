package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A load is clients that sign in, call, refresh, call and sign out, again and
// again, through balancers.
type load struct {
	*cluster
	issuer, edge string // URLs
	over         chan struct{}
	sent         atomic.Uint64

	mu    sync.Mutex
	ended []string // access tokens whose end was answered 200
}

// drive is one client, until the load is over.
func (l *load) drive(t *testing.T, n int) {
	for round := n; ; round++ {
		select {
		case <-l.over:
			return
		case <-time.After(5 * time.Millisecond): // what the client does besides
		}
		l.round(t, round)
	}
}

// refreshes are those of one session. A login costs as much as hundreds of
// them, so there are several.
const refreshes = 8

// round is the life of one session. Every other is ended by an admin.
func (l *load) round(t *testing.T, n int) {
	g, ok := l.grant(t, "/v1/login", map[string]string{"username": "alice", "password": l.passwords["alice"]})
	for n := 0; ok && n < refreshes; n++ {
		l.ask(t, call{url: l.edge + "/v1/whoami", bearer: g.AccessToken}, http.StatusOK)
		g, ok = l.grant(t, "/v1/refresh", map[string]string{"refresh_token": g.RefreshToken})
	}
	if !ok {
		return // the rest would only repeat it
	}
	end := call{method: http.MethodPost, url: l.issuer + "/v1/logout", bearer: g.AccessToken}
	if n%2 == 0 {
		end = call{url: l.issuer + "/admin/v1/revocations", bearer: l.admin, body: toJSON(map[string]string{"scope": "session", "id": g.SessionID})}
	}
	if l.ask(t, end, http.StatusOK).status == http.StatusOK {
		l.mu.Lock()
		l.ended = append(l.ended, g.AccessToken)
		l.mu.Unlock()
	}
	l.ask(t, call{url: l.edge + "/v1/whoami", bearer: g.AccessToken}, http.StatusUnauthorized, http.StatusOK) // until B has passed
}

func (l *load) grant(t *testing.T, path string, body map[string]string) (g grant, ok bool) {
	a := l.ask(t, call{url: l.issuer + path, body: toJSON(body)}, http.StatusOK)
	err := json.Unmarshal(a.body, &g)
	return g, a.status == http.StatusOK && err == nil && g.RefreshToken != ""
}

// ask fails the test, which goes on, unless one of the statuses is answered.
func (l *load) ask(t *testing.T, what call, want ...int) answer {
	a := must(t, what)
	l.sent.Add(1)
	if !slices.Contains(want, a.status) {
		t.Errorf("%s: %d %s, want %v", what.url, a.status, a.body, want)
	}
	return a
}

// mustHaveEnded: every edge refuses every token of every session that ended.
func (l *load) mustHaveEnded(t *testing.T) {
	t.Helper()
	t.Logf("%d requests, %d tokens ended", l.sent.Load(), len(l.ended))
	if len(l.ended) == 0 {
		t.Error("nothing was revoked")
	}
	for _, access := range l.ended {
		for _, e := range l.edges {
			l.do(t, call{url: e.url + "/v1/whoami", bearer: access}).mustRefuse(t, http.StatusUnauthorized, "token_revoked")
		}
	}
}
