package cli_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

func newServer(t *testing.T, answer http.HandlerFunc) string {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

// TestRevokeScopes ends one of each, and asks the edges.
func TestRevokeScopes(t *testing.T) {
	s := newShell(t)
	inspect := func(g apiclient.Grant, claim string) string {
		o := s.runWith(g.AccessToken, "token", "inspect", "-o", "json").exits(0)
		claims := jsonOf[map[string]any](o)["claims"].(map[string]any)
		return claims[claim].(string)
	}
	for _, c := range []struct {
		scope, code string
		args        func(g apiclient.Grant) string
	}{
		{"token", "token_revoked", func(g apiclient.Grant) string { return inspect(g, "jti") }},
		{"session", "token_revoked", func(g apiclient.Grant) string { return g.SessionID }},
		{"device", "token_revoked", func(apiclient.Grant) string { return "d1 --user u-scopes --tenant t-scopes" }},
		{"user", "token_revoked", func(apiclient.Grant) string { return "u-scopes --tenant t-scopes" }},
		{"user", "token_refresh_required", func(apiclient.Grant) string { return "u-scopes --tenant t-scopes --mode refresh" }},
		{"tenant", "token_revoked", func(apiclient.Grant) string { return "t-scopes --yes" }},
		{"all", "token_revoked", func(apiclient.Grant) string { return "--yes" }},
	} {
		t.Run(c.scope, func(t *testing.T) {
			g := s.open("u-scopes", "t-scopes")
			args := append([]string{"revoke", c.scope, "--reason", "a test", "-o", "json"}, strings.Fields(c.args(g))...)
			r := jsonOf[apiclient.Receipt](s.run(args...).exits(0))
			if r.Status != "committed" || r.Scope != c.scope || r.RevocationID == "" {
				t.Errorf("receipt %+v", r)
			}
			s.refuses(g.AccessToken, c.code)
		})
	}
}

// TestRevokeKey: every token of the key is refused.
func TestRevokeKey(t *testing.T) {
	s := newShell(t)
	s.alone()
	g := s.open("u-key", "")
	keys := jsonOf[struct{ Keys []apiclient.Key }](s.run("keys", "list", "-o", "json").exits(0)).Keys
	s.run("revoke", "key", keys[0].KeyID).exits(0).prints("committed")
	s.refuses(g.AccessToken, "token_revoked")
}

// TestRevokePrints both forms, and a device's.
func TestRevokePrints(t *testing.T) {
	s := newShell(t)
	s.open("u-print", "")
	s.run("revoke", "device", "d1", "--user", "u-print").exits(0).golden("revoke-device")
	s.run("revoke", "user", "u-print").exits(0).golden("revoke-user")
	s.run("revoke", "user", "u-print", "-o", "json").exits(0).golden("revoke-user-json")
}

// TestDryRun changes nothing.
func TestDryRun(t *testing.T) {
	s := newShell(t)
	g := s.open("u-dry", "t-dry")
	s.run("revoke", "tenant", "t-dry", "--dry-run").exits(0).golden("dry-run")
	s.run("revoke", "user", "u-dry", "--tenant", "t-dry", "--dry-run", "-o", "json").exits(0).golden("dry-run-json")
	s.run("revoke", "user", "u-nobody", "--dry-run").exits(1).says("not_found")
	s.run("revoke", "all", "--dry-run").exits(0).prints("would end")
	testenv.Eventually(t, 30*time.Second, func() error {
		_, err := apiclient.New(s.cluster.IssuerURL, "test", nil).Edge(s.cluster.EdgeURLs[0]).Whoami(t.Context(), g.AccessToken)
		if err != nil && apiclient.Code(err) != "freshness_unknown" { // as a busy machine may for a moment
			return poll.Stop(err)
		}
		return err
	})
}

// TestRevokeUnasked: without a terminal and without --yes, all and tenant
// change nothing; not even a call is made.
func TestRevokeUnasked(t *testing.T) {
	s := newShell(t)
	called := newServer(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("called: %s %s", r.Method, r.URL.Path) })
	for _, args := range []string{"all", "tenant acme", "all --mode refresh"} {
		args := append(strings.Fields("revoke "+args), "--issuer", called)
		s.runWith("yes\n", args...).exits(2).says("--yes")
	}
}

// TestPending: what is accepted and not committed is exit code 3.
func TestPending(t *testing.T) {
	s := newShell(t)
	half := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"revocation_id":"r","scope":"user","id":"u","status":"pending","elapsed_ms":1}`))
	})
	s.run("revoke", "user", "u", "--issuer", half).exits(3).prints("pending").says("accepted")
}
