package e2e_test

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestCluster runs every part on one cluster, in this order: readLogs
// looks at what the others have left there.
func TestCluster(t *testing.T) {
	c := startCluster(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *cluster)
	}{
		{"whole path", walkPath},
		{"cookies", acceptCookies},
		{"cookies of a browser", keepCookies},
		{"cookies from elsewhere", refuseCrossOrigin},
		{"silent renewal", renewSilently},
		{"renewal of many at once", renewAtOnce},
		{"no renewal", renewNothing},
		{"own sessions", endOwnSessions},
		{"admin", revokeAsAdmin},
		{"refresh", rotate},
		{"other issuers", trustOthers},
		{"upstream", proxy},
		{"upstream strips identity", stripIdentity},
		{"documents", publishDocuments},
		{"bad requests", refuseBadRequests},
		{"bad tokens", refuseBadTokens},
		{"same answer", answerAlike},
		{"edge restarted", restartEdge},
		{"counters", countEach},
		{"metrics", measure},
		{"alerts and dashboard", monitor},
		{"logs", readLogs},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, c) })
	}
}

// walkPath: login, three edges, refresh and logout on the other issuer, and
// every edge refuses.
func walkPath(t *testing.T, c *cluster) {
	other := c.login(t, c.issuers[0], "alice")
	first := c.login(t, c.issuers[0], "alice")
	checkWhoami(t, c, first)
	g := c.refresh(t, c.issuers[1], first.RefreshToken, "alice")
	if g.SessionID != first.SessionID || g.AccessToken == first.AccessToken || g.RefreshToken == first.RefreshToken {
		t.Errorf("a refresh that is not one: %s after %s", g.SessionID, first.SessionID)
	}
	c.mustAccept(t, first)
	c.mustAccept(t, g)

	a := c.do(t, call{method: http.MethodPost, url: c.issuers[1].url + "/v1/logout", bearer: g.AccessToken})
	mustCommit(t, a, "session", g.SessionID)
	c.mustRefuse(t, g)
	c.mustRefuse(t, first) // every access token of the session
	for _, i := range c.issuers {
		c.do(t, refreshCall(i, g.RefreshToken)).mustRefuse(t, http.StatusUnauthorized, "session_ended")
	}
	c.mustAccept(t, other)
	c.mustAccept(t, c.login(t, c.issuers[1], "alice"))
}

func checkWhoami(t *testing.T, c *cluster, g grant) {
	t.Helper()
	for _, e := range c.edges {
		me := decode[whoami](t, c.do(t, call{url: e.url + "/v1/whoami", bearer: g.AccessToken}))
		if me.UserID != "id-alice" || me.SessionID != g.SessionID || me.Tenant != "default" ||
			!slices.Equal(me.Roles, []string{"user", "alice-role"}) || me.Edge != e.Name() ||
			me.TokenID == "" || me.TokenID != claim(t, g.AccessToken, "jti") {
			t.Errorf("%s says %+v", e.Name(), me)
		}
		if left := time.Until(me.ExpiresAt); left < 13*time.Minute || left > 16*time.Minute {
			t.Errorf("%s says it expires in %s", e.Name(), left)
		}
	}
}
