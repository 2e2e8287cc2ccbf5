package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestContexts adds, uses, lists and removes; secrets are never shown.
func TestContexts(t *testing.T) {
	s := newShell(t)
	const token = "a-token-that-is-kept-and-never-shown"
	t.Setenv("CURFEW_ISSUER_URL", "")
	t.Setenv("CURFEW_ADMIN_TOKEN", "")
	s.runWith(token+"\n", "context", "add", "prod", "--issuer", "https://login.example.com/", "--admin-url", "https://admin.example.com",
		"--edge", "https://api.example.com/", "--admin-token-file", "-").exits(0)
	s.run("context", "add", "staging", "--issuer", "https://login.staging.example.com").exits(0)
	s.run("context", "add", "staging", "--issuer", "https://elsewhere.example.com").exits(1).says("there is a context of that name")
	s.run("context", "list").exits(0).hides(token).golden("contexts")
	s.run("context", "use", "staging").exits(0)
	s.run("context", "list", "-o", "json").exits(0).hides(token).golden("contexts-json")
	s.run("context", "remove", "staging").exits(0)
	s.run("context", "list").exits(0).golden("contexts-removed")
	left, err := os.ReadDir(s.dir + "/curfew")
	testenv.Must(t, err)
	for _, f := range left {
		if strings.HasPrefix(f.Name(), ".contexts-") {
			t.Errorf("left behind: %s", f.Name())
		}
	}
}

// TestContextSecrets: the secrets of a context are sent to its own issuer and
// to no other.
func TestContextSecrets(t *testing.T) {
	s := newShell(t)
	t.Setenv("CURFEW_ISSUER_URL", "")
	t.Setenv("CURFEW_ADMIN_TOKEN", "")
	s.runWith(s.cluster.AdminToken, "context", "add", "mine", "--issuer", s.cluster.IssuerURL, "--admin-token-file", "-").exits(0)
	s.run("keys", "list").exits(0)
	s.run("keys", "list", "--context", "mine").exits(0)
	s.run("keys", "list", "--issuer", s.cluster.IssuerURL).exits(0)
	other := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("called with %q", r.Header.Get("Authorization"))
	})
	s.run("keys", "list", "--issuer", other).exits(2)
	t.Setenv("CURFEW_ISSUER_URL", other)
	s.run("keys", "list").exits(2)
	s.run("keys", "list", "--context", "mine").exits(0)
}

// TestContextFile: a file that others can read, or that cannot be understood,
// is refused, and nothing of it is repeated.
func TestContextFile(t *testing.T) {
	s := newShell(t)
	s.run("context", "add", "one", "--issuer", "https://one.example.com").exits(0)
	testenv.Must(t, os.Chmod(s.file(), 0o640))
	s.run("context", "list").exits(1).says("chmod 600")
	s.run("keys", "list").exits(1).says("chmod 600")
	testenv.Must(t, os.Chmod(s.file(), 0o600))
	for _, text := range []string{"hunter2", "hunter2: [", "contexts: {one: {admin_token: hunter2, nonsense: 1}}", "contexts: {Ä: {issuer: 'http://hunter2'}}", "contexts: {one: {issuer: 'hunter2:'}}"} {
		testenv.Must(t, os.WriteFile(s.file(), []byte(text), 0o600))
		s.run("context", "list").exits(1).hides("hunter2")
		s.run("context", "add", "two", "--issuer", "https://two.example.com").exits(1).hides("hunter2")
		if now, err := os.ReadFile(s.file()); err != nil || string(now) != text {
			t.Errorf("the file was changed to %s", now)
		}
	}
}

// TestAuthorities: nothing is sent in plain text where authorities say that it should be
// verified, and the text of a key in place of its path is not repeated.
func TestAuthorities(t *testing.T) {
	s := newShell(t)
	dir := filepath.Join(t.TempDir(), "certs")
	testenv.Must(t, devcerts.Make(dir, nil))
	ca, cert := devcerts.Cert(dir, devcerts.Authority), devcerts.Cert(dir, "admin")
	const key = "-----BEGIN PRIVATE KEY-----\nsecret"
	s.run("keys", "list", "--ca", ca).exits(2).says("nothing would be encrypted")
	s.run("keys", "list", "--cert", cert, "--key", key).exits(2).says("want its path").hides("secret")
	s.run("context", "add", "plain", "--issuer", "http://login.example.com", "--ca", ca).exits(2).says("want https://")
	s.run("context", "add", "broken", "--issuer", "https://login.example.com", "--ca", devcerts.Key(dir, "admin")).exits(2).says("no certificate")
	t.Setenv("CURFEW_ISSUER_URL", "")
	s.run("context", "add", "good", "--issuer", "https://login.example.com", "--ca", ca).exits(0)
	kept, err := os.ReadFile(s.file())
	testenv.Must(t, err)
	if !strings.Contains(string(kept), "ca: "+ca+"\n") {
		t.Errorf("kept: %s", kept)
	}
}
