package e2e_test

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

type sessionList struct {
	Sessions []struct {
		SessionID string            `json:"session_id"`
		UserID    string            `json:"user_id"`
		Tenant    string            `json:"tenant"`
		Device    map[string]string `json:"device"`
		IP        string            `json:"ip"`
		UserAgent string            `json:"user_agent"`
		CreatedAt time.Time         `json:"created_at"`
		LastSeen  time.Time         `json:"last_seen"`
		ExpiresAt time.Time         `json:"expires_at"`
		Current   bool              `json:"current"`
	} `json:"sessions"`
}

// ids returns the sessions, and checks that only current is marked so.
func (l sessionList) ids(t *testing.T, user, current string) (ids []string) {
	t.Helper()
	for _, s := range l.Sessions {
		if s.UserID != "id-"+user || s.Device["kind"] != "cli" || s.CreatedAt.IsZero() || s.LastSeen.IsZero() ||
			!s.ExpiresAt.After(s.CreatedAt) || s.Current != (s.SessionID == current) {
			t.Errorf("listed for %s in %s: %+v", user, current, s)
		}
		ids = append(ids, s.SessionID)
	}
	return ids
}

func (c *cluster) ownSessions(t *testing.T, at *service, g grant, user string) []string {
	t.Helper()
	return decode[sessionList](t, c.do(t, call{url: at.url + "/v1/sessions", bearer: g.AccessToken})).ids(t, user, g.SessionID)
}

// endOwnSessions: bob lists his sessions, ends one, then all but the one he
// is in, then all. Nobody else's are touched.
func endOwnSessions(t *testing.T, c *cluster) {
	alice := c.login(t, c.issuers[0], "alice")
	var bob []grant
	var want []string
	for n := range 4 {
		bob = append(bob, c.login(t, c.issuers[n%2], "bob"))
		want = append(want, bob[n].SessionID)
	}
	current := bob[0]
	if got := c.ownSessions(t, c.issuers[1], current, "bob"); !slices.Equal(got, want) {
		t.Fatalf("bob's sessions: %v, want %v", got, want)
	}

	url := c.issuers[0].url + "/v1/sessions"
	a := c.do(t, call{method: http.MethodDelete, url: url + "/" + bob[1].SessionID, bearer: current.AccessToken})
	mustCommit(t, a, "session", bob[1].SessionID)
	c.mustRefuse(t, bob[1])
	c.mustAccept(t, bob[2])

	a = c.do(t, call{method: http.MethodDelete, url: url + "?keep=current", bearer: current.AccessToken})
	checkEnded(t, a, bob[2].SessionID, bob[3].SessionID)
	c.mustRefuse(t, bob[2])
	c.mustRefuse(t, bob[3])
	c.mustAccept(t, current)
	if got := c.ownSessions(t, c.issuers[1], current, "bob"); !slices.Equal(got, want[:1]) {
		t.Errorf("bob's sessions: %v, want only %s", got, want[0])
	}

	a = c.do(t, call{method: http.MethodDelete, url: url, bearer: current.AccessToken})
	checkEnded(t, a, current.SessionID)
	c.mustRefuse(t, current)
	c.do(t, call{url: url, bearer: current.AccessToken}).mustRefuse(t, http.StatusUnauthorized, "session_ended")
	c.mustAccept(t, alice)
	c.mustAccept(t, c.login(t, c.issuers[1], "bob"))
}

func checkEnded(t *testing.T, a answer, ids ...string) {
	t.Helper()
	ended := decode[struct {
		Ended     int       `json:"ended"`
		Receipts  []receipt `json:"receipts"`
		ElapsedMS float64   `json:"elapsed_ms"`
	}](t, a)
	var got []string
	for _, r := range ended.Receipts {
		if r.Status != "committed" || r.Scope != "session" {
			t.Errorf("receipt %+v", r)
		}
		got = append(got, r.ID)
	}
	if ended.ElapsedMS <= 0 || ended.Ended != len(ids) || !slices.Equal(got, ids) {
		t.Errorf("ended %v, want %v", got, ids)
	}
}

// revokeAsAdmin: one token of a session, then the session.
func revokeAsAdmin(t *testing.T, c *cluster) {
	g := c.login(t, c.issuers[0], "carol")
	sibling := c.refresh(t, c.issuers[0], g.RefreshToken, "carol")
	revoke := func(at *service, scope, id string) {
		t.Helper()
		body := toJSON(map[string]string{"scope": scope, "id": id, "reason": "tested"})
		mustCommit(t, c.do(t, call{url: at.url + "/admin/v1/revocations", bearer: c.admin, body: body}), scope, id)
	}
	revoke(c.issuers[1], "token", claim(t, g.AccessToken, "jti").(string))
	c.mustRefuse(t, g)
	c.mustAccept(t, sibling)
	sibling = c.refresh(t, c.issuers[1], sibling.RefreshToken, "carol")

	url := c.issuers[1].url + "/admin/v1/users/id-carol/sessions"
	list := decode[sessionList](t, c.do(t, call{url: url + "?tenant=acme", bearer: c.admin}))
	if got := list.ids(t, "carol", ""); !slices.Equal(got, []string{g.SessionID}) {
		t.Errorf("carol's sessions: %v, want only %s", got, g.SessionID)
	}
	list = decode[sessionList](t, c.do(t, call{url: url, bearer: c.admin}))
	if len(list.Sessions) != 0 {
		t.Errorf("carol of another tenant has %+v", list)
	}
	revoke(c.issuers[0], "session", g.SessionID)
	c.mustRefuse(t, sibling)
	c.do(t, refreshCall(c.issuers[1], sibling.RefreshToken)).mustRefuse(t, http.StatusUnauthorized, "session_ended")
}
