package issuer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A waitedFor is a receipt after a wait.
type waitedFor struct {
	Status string `json:"status"`
	Edges  *struct {
		Expected  int       `json:"expected"`
		Confirmed int       `json:"confirmed"`
		Missing   *[]string `json:"missing"`
	} `json:"edges"`
	Enforced  *bool   `json:"enforced"`
	ElapsedMS float64 `json:"elapsed_ms"`
}

func (a answer) waited(t *testing.T) (w waitedFor) {
	t.Helper()
	testenv.Must(t, json.Unmarshal([]byte(a.body), &w))
	if a.status == http.StatusOK && (w.Edges == nil || w.Enforced == nil) {
		t.Fatalf("nothing about edges in %s", a.body)
	}
	return w
}

func (b *bench) revokeWaiting(t *testing.T, query, body string) answer {
	t.Helper()
	return call{url: b.url + "/admin/v1/revocations?" + query, bearer: b.admin, body: body}.do(t)
}

// awaitExpected waits until the issuer knows the edge.
func (b *bench) awaitExpected(t *testing.T) {
	b.awaitEdge(t, "known", func(edgeRow) bool { return true })
}

// Whatever is revoked, in whatever way, once confirmed the edge refuses.
func TestWaitConfirmed(t *testing.T) {
	b := start(t, nil)
	edge := b.edge(t)
	b.awaitExpected(t)
	kid := func(g grant) string {
		parsed, _, err := jwt.NewParser().ParseUnverified(g.AccessToken, jwt.MapClaims{})
		testenv.Must(t, err)
		return parsed.Header["kid"].(string)
	}
	for _, r := range []struct {
		name, code string
		revoke     func(grant) answer
		user       bool
	}{
		{"session", "token_revoked", func(g grant) answer {
			return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"session","id":"`+g.SessionID+`"}`)
		}, false},
		{"device", "token_revoked", func(grant) answer {
			return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"device","id":"d-1","user":"u-alice"}`)
		}, false},
		{"user", "token_revoked", func(grant) answer {
			return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"user","id":"u-alice"}`)
		}, false},
		{"user, refresh", "token_refresh_required", func(grant) answer {
			return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"user","id":"u-alice","mode":"refresh"}`)
		}, false},
		{"tenant", "token_revoked", func(grant) answer {
			return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"tenant","id":"default"}`)
		}, false},
		{"tenant, refresh", "token_refresh_required", func(grant) answer {
			return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"tenant","id":"default","mode":"refresh"}`)
		}, false},
		{"all", "token_revoked", func(grant) answer { return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"all"}`) }, false},
		{"all, refresh", "token_refresh_required", func(grant) answer {
			return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"all","mode":"refresh"}`)
		}, false},
		{"logout", "token_revoked", func(g grant) answer {
			return call{method: "POST", url: b.url + "/v1/logout?wait=confirmed&timeout=60s", bearer: g.AccessToken}.do(t)
		}, true},
		{"own session", "token_revoked", func(g grant) answer {
			return call{method: "DELETE", url: b.url + "/v1/sessions/" + g.SessionID + "?wait=confirmed&timeout=60s", bearer: g.AccessToken}.do(t)
		}, true},
		{"own sessions", "token_revoked", func(g grant) answer {
			return call{method: "DELETE", url: b.url + "/v1/sessions?wait=confirmed&timeout=60s", bearer: g.AccessToken}.do(t)
		}, true},
		{"key", "token_revoked", func(g grant) answer {
			return b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"key","id":"`+kid(g)+`"}`)
		}, false},
	} {
		g := b.login(t, "alice", "")
		a := r.revoke(g)
		a.want(t, r.name, 200, "")
		w := a.waited(t)
		if w.Edges.Expected != 1 || w.Edges.Confirmed != 1 || (w.Edges.Missing == nil) != r.user || w.ElapsedMS <= 0 {
			t.Errorf("%s: %s", r.name, a.body)
		}
		whoami(t, edge, g).want(t, r.name+", at once", 401, r.code)
	}
}

func TestWaitNamesWhoIsMissing(t *testing.T) {
	b := start(t, func(c *config.Issuer) { c.Staleness = time.Second })
	b.silentEdge(t, "edge-9", time.Second)
	b.awaitExpected(t)
	g := b.login(t, "alice", "")
	body := `{"scope":"session","id":"` + g.SessionID + `"}`
	check := func(what string, a answer, enforced bool, least, most time.Duration) {
		t.Helper()
		a.want(t, what, 200, "")
		w := a.waited(t)
		took := time.Duration(w.ElapsedMS * float64(time.Millisecond))
		if w.Status != "committed" || w.Edges.Expected != 1 || w.Edges.Confirmed != 0 ||
			!slices.Equal(*w.Edges.Missing, []string{"edge-9"}) || *w.Enforced != enforced || took < least || took > most {
			t.Errorf("%s: %s", what, a.body)
		}
	}
	check("confirmed", b.revokeWaiting(t, "wait=confirmed&timeout=200ms", body), false, 200*time.Millisecond, patience)
	check("enforced", b.revokeWaiting(t, "wait=enforced", body), true, time.Second, patience)
	check("enforced, with too little time", b.revokeWaiting(t, "wait=enforced&timeout=100ms", body), false, 100*time.Millisecond, patience)
	if a := b.revokeWaiting(t, "wait=commit", body); a.status != 200 || a.field(t, "edges") != nil || a.field(t, "enforced") != nil {
		t.Errorf("wait=commit: %s", a.body)
	}
	// The end of the issuer ends waits.
	ended := make(chan answer)
	go func() { ended <- b.revokeWaiting(t, "wait=confirmed&timeout=90s", body) }()
	b.awaitWaiting(t, 1)
	b.stop()
	check("the issuer stops", <-ended, false, 0, 30*time.Second)
}

// Nobody waits for longer than it takes until no edge accepts any more.
func TestEnforcedEndsWithTheBound(t *testing.T) {
	b := start(t, func(c *config.Issuer) { c.Staleness = time.Second })
	b.silentEdge(t, "edge-9", time.Second)
	b.awaitExpected(t)
	body := `{"scope":"user","id":"u-alice"}`
	b.revokeWaiting(t, "wait=enforced&timeout=60s", body).want(t, "once everybody has been heard", 200, "")
	a := b.revokeWaiting(t, "wait=enforced&timeout=90s", body)
	a.want(t, "enforced", 200, "")
	if w := a.waited(t); !*w.Enforced || w.ElapsedMS < 1010 || w.ElapsedMS > 45_000 {
		t.Errorf("not at the bound: %s", a.body)
	}
}

// An edge that goes by a larger bound than the issuer accepts for longer, and of
// one that does not tell it nobody knows.
func TestEnforcedGoesByTheLargestBound(t *testing.T) {
	b := start(t, func(c *config.Issuer) { c.Staleness = time.Second })
	b.silentEdge(t, "edge-8", 3*time.Second)
	b.awaitExpected(t)
	body := `{"scope":"user","id":"u-alice"}`
	a := b.revokeWaiting(t, "wait=enforced&timeout=2s", body)
	if w := a.waited(t); *w.Enforced || w.ElapsedMS < 2000 {
		t.Errorf("before the edge's bound: %s", a.body)
	}
	a = b.revokeWaiting(t, "wait=enforced&timeout=90s", body)
	if w := a.waited(t); !*w.Enforced || w.ElapsedMS < 3030 {
		t.Errorf("at the edge's bound: %s", a.body)
	}
	b.silentEdge(t, "edge-9", 0)
	testenv.Eventually(t, patience, func() error {
		if list := b.edges(t); len(list) != 2 {
			return fmt.Errorf("%+v", list)
		}
		return nil
	})
	a = b.revokeWaiting(t, "wait=enforced&timeout=4s", body)
	if w := a.waited(t); *w.Enforced {
		t.Errorf("one does not tell its bound: %s", a.body)
	}
}

// It is the commit that counts, not when somebody began to wait.
func TestEnforcedCountsFromTheCommit(t *testing.T) {
	var i *issuer.Issuer
	b := startTuned(t, nil, func(made *issuer.Issuer) { i = made })
	b.silentEdge(t, "edge-9", 40*time.Second)
	b.awaitExpected(t)
	if w := i.WaitedFor(39*time.Second, 30*time.Second); !w.Enforced {
		t.Errorf("39s after the commit, with 30s to wait until 40.4s: %+v", w)
	}
	if w := i.WaitedFor(0, time.Second); w.Enforced {
		t.Errorf("at once: %+v", w)
	}
}

// Some edges hold everything and look at nothing. Whoever waits is told.
func TestStatelessEdgesAreNamed(t *testing.T) {
	b := start(t, nil)
	b.edge(t, func(c *config.Edge) { c.CheckMode = "stateless" })
	b.awaitExpected(t)
	g := b.login(t, "alice", "")
	a := b.revokeWaiting(t, "wait=confirmed&timeout=60s", `{"scope":"session","id":"`+g.SessionID+`"}`)
	a.want(t, "confirmed", 200, "")
	var w struct {
		Edges struct {
			Confirmed int
			Stateless []string
		}
	}
	testenv.Must(t, json.Unmarshal([]byte(a.body), &w))
	if w.Edges.Confirmed != 1 || !slices.Equal(w.Edges.Stateless, []string{"edge-1"}) {
		t.Error(a.body)
	}
	g = b.login(t, "alice", "")
	a = call{method: "POST", url: b.url + "/v1/logout?wait=confirmed&timeout=60s", bearer: g.AccessToken}.do(t)
	if strings.Contains(a.body, "edge-1") {
		t.Errorf("users are told names: %s", a.body)
	}
}

// What is pending is answered at once.
func TestPendingDoesNotWait(t *testing.T) {
	b := start(t, nil)
	b.edge(t)
	b.awaitExpected(t)
	g := b.login(t, "alice", "")
	b.store.Close()
	a := b.revokeWaiting(t, "wait=enforced", `{"scope":"session","id":"`+g.SessionID+`"}`)
	a.want(t, "without a store", 202, "")
	if w := a.waited(t); w.Status != "pending" || w.Edges != nil || w.Enforced != nil {
		t.Errorf("%s", a.body)
	}
}

func TestBadWaits(t *testing.T) {
	b := start(t, nil)
	g := b.login(t, "alice", "")
	for _, query := range []string{
		"wait=later", "wait=Confirmed", "wait=confirmed&timeout=2", "wait=confirmed&timeout=0s", "wait=confirmed&timeout=-1s",
		"wait=confirmed&timeout=91s", "wait=confirmed&timeout=1us", "wait=confirmed&timeout=x", "timeout=2s", "wait=commit&timeout=2s",
	} {
		b.revokeWaiting(t, query, `{"scope":"session","id":"`+g.SessionID+`"}`).want(t, query, 400, "bad_request")
		for _, c := range []call{
			{method: "POST", url: b.url + "/v1/logout?" + query}, {method: "DELETE", url: b.url + "/v1/sessions?" + query},
			{method: "DELETE", url: b.url + "/v1/sessions/" + g.SessionID + "?" + query},
		} {
			c.bearer = g.AccessToken
			c.do(t).want(t, c.url, 400, "bad_request")
		}
	}
	a, _ := b.exchange(t, g)
	a.want(t, "nothing has ended", 200, "")
}
