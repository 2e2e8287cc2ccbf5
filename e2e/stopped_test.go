package e2e_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestStoppedEdge: an edge that does not answer is named, and is waited for no
// longer than B; when it wakes it refuses from its first request on.
func TestStoppedEdge(t *testing.T) {
	c := startFleet(t, 0, 0)
	first, second := c.login(t, c.issuers[0], "alice"), c.login(t, c.issuers[1], "bob")
	c.mustAccept(t, first)
	c.mustAccept(t, second)
	stopped, awake := c.edges[2], c.edges[:2]
	testenv.Must(t, stopped.Pause())

	check := func(w waited, enforced bool) {
		t.Helper()
		if w.Edges.Expected != 3 || w.Edges.Confirmed != 2 || !slices.Equal(w.Edges.Missing, []string{"edge-3"}) || w.Enforced != enforced {
			t.Errorf("%+v, want enforced %v without edge-3", w, enforced)
		}
	}
	// Between two edges that answer and B there is room for a busy machine.
	check(c.revoke(t, c.issuers[0], "wait=confirmed&timeout=3s", `{"scope":"session","id":"`+first.SessionID+`"}`), false)
	for _, e := range awake {
		testenv.Must(t, e.answers(first.AccessToken, http.StatusUnauthorized, `"token_revoked"`))
	}

	began := time.Now()
	w := c.revoke(t, c.issuers[1], "wait=enforced", `{"scope":"user","id":"id-bob"}`)
	took := time.Since(began)
	check(w, true)
	if took < staleness || w.ElapsedMS < float64(staleness.Milliseconds()) || took > staleness+confirmCeiling {
		t.Errorf("enforced after %v (%.1f ms), want it right after %v", took, w.ElapsedMS, staleness)
	}
	testenv.Must(t, stopped.Resume())
	testenv.Must(t, stopped.answers(second.AccessToken, http.StatusUnauthorized, `"token_revoked"`))
	testenv.Must(t, stopped.answers(first.AccessToken, http.StatusUnauthorized, `"token_revoked"`))
	c.mustAccept(t, c.login(t, c.issuers[0], "bob"))
}
