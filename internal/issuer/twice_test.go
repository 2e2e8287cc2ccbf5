package issuer_test

import (
	"net/http"
	"testing"
)

// NATS is away. A device is signed out: 202, in the store alone, which lists no session
// any more. Whoever repeats the call is not told that all is done: nothing is in the log.
func TestDeviceRevokedTwiceWhilePending(t *testing.T) {
	b := start(t, nil)
	b.login(t, "bob", "")
	b.nats.Stop()
	revoke := func(query string) answer {
		return call{url: b.url + "/admin/v1/revocations" + query, bearer: b.admin, body: `{"scope":"device","id":"d-1","user":"u-bob"}`}.do(t)
	}
	first := revoke("?wait=enforced")
	first.want(t, "first", http.StatusAccepted, "")
	second := revoke("?wait=enforced&timeout=100ms")
	second.want(t, "second", http.StatusAccepted, "")
}

// The same by a user, from another session: keep=current.
func TestOtherSessionsEndedTwiceWhilePending(t *testing.T) {
	b := start(t, nil)
	b.login(t, "bob", "")
	current := b.login(t, "bob", "")
	b.nats.Stop()
	end := func() answer {
		return call{method: http.MethodDelete, url: b.url + "/v1/sessions?keep=current&wait=enforced&timeout=100ms", bearer: current.AccessToken}.do(t)
	}
	first := end()
	first.want(t, "first", http.StatusAccepted, "")
	second := end()
	second.want(t, "second", http.StatusAccepted, "")
}

// Nobody can be asked about what was revoked before, of which nothing is listed: it is
// enforced when the bound has passed.
func TestDeviceWithoutSessions(t *testing.T) {
	b := start(t, nil)
	b.login(t, "bob", "")
	got := call{url: b.url + "/admin/v1/revocations?wait=enforced&timeout=50ms", bearer: b.admin, body: `{"scope":"device","id":"none","user":"u-bob"}`}.do(t)
	got.want(t, "none", http.StatusOK, "")
	if got.field(t, "enforced") != false || got.field(t, "status") != "committed" {
		t.Errorf("got %s", got.body)
	}
}
