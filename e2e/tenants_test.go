package e2e_test

import (
	"net/http"
	"testing"
)

// keepTenantsApart: the same name, user id and device in two tenants are two
// people. Neither limit nor list nor end of one touches the other.
func keepTenantsApart(t *testing.T, c *cluster) {
	mine, other := c.signIn(t, c.issuers[0], "alice", "desktop"), c.signIn(t, c.issuers[1], "alice@"+twin, "desktop")
	phone := c.signIn(t, c.issuers[0], "alice@"+twin, "ios")
	c.mustAccept(t, mine) // no limit went across
	c.mustList(t, other, other, phone)
	admin := call{url: c.issuers[0].url + "/admin/v1/users/id-alice/sessions?tenant=" + twin, bearer: c.admin}
	mustBe(t, decode[sessionList](t, c.do(t, admin)), other, phone)
	for _, e := range c.edges {
		if me := decode[whoami](t, c.do(t, call{url: e.url + "/v1/whoami", bearer: other.AccessToken})); me.Tenant != twin {
			t.Errorf("%s takes tenant %s for %s", e.Name(), twin, me.Tenant)
		}
	}

	foreign := call{method: http.MethodDelete, url: c.issuers[1].url + "/v1/sessions/" + mine.SessionID, bearer: other.AccessToken}
	c.do(t, foreign).mustRefuse(t, http.StatusNotFound, "not_found")
	body := toJSON(map[string]string{"scope": "session", "id": other.SessionID})
	mustCommit(t, c.do(t, call{url: c.issuers[1].url + "/admin/v1/revocations", bearer: c.admin, body: body}), "session", other.SessionID)
	c.mustRefuse(t, other)
	all := call{method: http.MethodDelete, url: c.issuers[0].url + "/v1/sessions", bearer: phone.AccessToken}
	checkEnded(t, c.do(t, all), phone.SessionID)
	c.mustRefuse(t, phone)
	c.mustBeOver(t, phone)
	c.mustAccept(t, mine)
	c.mustAccept(t, c.refresh(t, c.issuers[1], mine.RefreshToken, "alice"))
}

// lockTenantsApart: wrong passwords for one lock both issuers to her, and not to
// the other, whose password is wrong for her too.
func lockTenantsApart(t *testing.T, c *cluster) {
	for n := range lockAfter {
		guess := c.loginCall(c.issuers[n%2], "alice@"+twin, c.passwords["alice"], "cli")
		c.do(t, guess).mustRefuse(t, http.StatusUnauthorized, "invalid_credentials")
	}
	for _, i := range c.issuers {
		c.do(t, c.loginCall(i, "alice@"+twin, c.passwords["alice@"+twin], "cli")).
			mustRefuse(t, http.StatusTooManyRequests, "account_locked")
		c.mustAccept(t, c.signIn(t, i, "alice", "cli"))
	}
	lift := func(tenant string) bool {
		body := toJSON(map[string]string{"username": "alice", "tenant": tenant})
		a := c.do(t, call{url: c.issuers[0].url + "/admin/v1/unlocks", bearer: c.admin, body: body})
		return decode[map[string]bool](t, a)["unlocked"]
	}
	if lift("default") || !lift(twin) {
		t.Error("the lock was the other's")
	}
	c.signIn(t, c.issuers[1], "alice@"+twin, "cli")
}
