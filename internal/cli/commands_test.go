package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/cli/contexts"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// open opens a session for a user of the test's own, as a backend would.
func (s *shell) open(user, tenant string) apiclient.Grant {
	s.t.Helper()
	c := apiclient.New(s.cluster.IssuerURL, "test", nil)
	c.Bearer = s.cluster.AdminToken
	g, err := c.OpenSession(s.t.Context(), apiclient.Opening{
		UserID: user, Tenant: tenant, Device: apiclient.Device{ID: "d1", Kind: "web", Name: "Firefox"}, IP: "203.0.113.9",
	})
	testenv.Must(s.t, err)
	return g
}

// refuses checks that every edge has come to refuse the token.
func (s *shell) refuses(access, code string) {
	s.t.Helper()
	for _, edge := range s.cluster.EdgeURLs {
		testenv.Eventually(s.t, 30*time.Second, func() error {
			_, err := apiclient.New(s.cluster.IssuerURL, "test", nil).Edge(edge).Whoami(s.t.Context(), access)
			if apiclient.Code(err) == code {
				return nil
			}
			return &apiclient.Problem{Title: "not " + code + " but " + apiclient.Code(err)}
		})
	}
}

func (s *shell) login() contexts.Session {
	s.t.Helper()
	u := s.cluster.Users[0]
	s.runWith(u.Username+"\n"+u.Password+"\n", "login").exits(0).hides(u.Password)
	f, err := contexts.Load()
	testenv.Must(s.t, err)
	return *f.Contexts[f.Current].Session
}

// TestLogin walks from login to logout: the session is kept where only its
// user can read it, and ends everywhere.
func TestLogin(t *testing.T) {
	s := newShell(t)
	s.run("sessions", "list").exits(1).says("curfew login")
	u := s.cluster.Users[0]
	s.runWith(u.Username+"\nwrong\n", "login").exits(1).says("invalid_credentials")
	if _, err := os.Stat(s.file()); err == nil {
		t.Error("a failed login left a file")
	}
	s.runWith(u.Password+"\n", "login", "--user", u.Username).exits(0).hides(u.Password).golden("login")
	info, err := os.Stat(s.file())
	testenv.Must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	f, err := contexts.Load()
	testenv.Must(t, err)
	kept := f.Contexts[f.Current].Session
	if kept.Username != u.Username || f.Contexts[f.Current].AdminToken != "" {
		t.Errorf("kept: %+v", f)
	}
	s.run("sessions", "list").exits(0).hides(kept.AccessToken, kept.RefreshToken).golden("sessions-mine")
	s.run("sessions", "list", "-o", "json").exits(0).golden("sessions-mine-json")
	s.run("logout").exits(0).prints("committed", kept.SessionID)
	s.refuses(kept.AccessToken, "token_revoked")
	s.run("logout").exits(1).says("curfew login")
	s.run("context", "list").exits(0).golden("context-list")
}

// TestLoginAgain: the session that nobody holds any more is ended.
func TestLoginAgain(t *testing.T) {
	s := newShell(t)
	first := s.login()
	second := s.login()
	if first.SessionID == second.SessionID || first.DeviceID != second.DeviceID {
		t.Errorf("%+v and %+v", first, second)
	}
	s.refuses(first.AccessToken, "token_revoked")
	s.run("sessions", "list").exits(0).prints(second.SessionID)
	s.run("logout").exits(0)
}

// TestRenew: an access token that has expired, or is refused, is renewed, and
// the new one is kept. A session that was ended elsewhere is forgotten.
func TestRenew(t *testing.T) {
	s := newShell(t)
	first := s.login()
	age := func(f *contexts.File) error {
		f.Contexts[f.Current].Session.ExpiresAt = time.Now().Add(-time.Minute)
		return nil
	}
	testenv.Must(t, contexts.Update(t.Context(), age))
	s.run("sessions", "list").exits(0).prints(first.SessionID)
	f, err := contexts.Load()
	testenv.Must(t, err)
	if now := f.Contexts[f.Current].Session; now.RefreshToken == first.RefreshToken || !now.ExpiresAt.After(time.Now()) {
		t.Errorf("not renewed: %v", now.ExpiresAt)
	}
	s.run("revoke", "user", first.UserID, "--mode", "refresh").exits(0)
	s.run("sessions", "list").exits(0).prints(first.SessionID)
	s.run("revoke", "session", first.SessionID).exits(0)
	s.run("sessions", "list").exits(1).says("log in again")
	s.run("sessions", "list").exits(1).says("nobody is logged in")
}

// TestSessionsOfAnybody is the admin's list; what clients call themselves
// cannot steer the terminal.
func TestSessionsOfAnybody(t *testing.T) {
	s := newShell(t)
	g := s.open("u-list", "acme")
	s.run("sessions", "list", "--user", "u-list", "--tenant", "acme").exits(0).hides(g.AccessToken).golden("sessions-user")
	s.run("sessions", "list", "--user", "u-list").exits(0).golden("sessions-none")
	s.run("sessions", "list", "--tenant", "acme").exits(2)
	c := apiclient.New(s.cluster.IssuerURL, "test", nil)
	c.Bearer = s.cluster.AdminToken
	_, err := c.OpenSession(t.Context(), apiclient.Opening{UserID: "u-evil", Device: apiclient.Device{Name: "a\u202eb\x1b[2Jc"}})
	testenv.Must(t, err)
	s.run("sessions", "list", "--user", "u-evil").exits(0).prints("a?b?[2Jc").hides("\x1b", "\u202e")
	t.Setenv("CURFEW_ADMIN_TOKEN", "")
	s.run("sessions", "list", "--user", "u-list").exits(2).says("CURFEW_ADMIN_TOKEN")
	t.Setenv("CURFEW_ADMIN_TOKEN", "a-wrong-token-of-nobody")
	s.run("sessions", "list", "--user", "u-list").exits(1).says("unauthorized").hides("a-wrong-token-of-nobody")
}

// TestKeys lists, rotates, and is refused a second rotation.
func TestKeys(t *testing.T) {
	s := newShell(t)
	s.alone()
	s.run("keys", "list").exits(0).golden("keys")
	s.run("keys", "rotate", "--algorithm", "HS512").exits(2).says("algorithm")
	s.run("keys", "rotate", "--algorithm", "ES256", "-o", "json").exits(0).golden("keys-rotate-json")
	s.run("keys", "rotate").exits(1).says("rotation_pending")
	s.run("keys", "list", "-o", "json").exits(0).golden("keys-json")
}

// TestNobodyThere: what does not answer, or is not Curfew, is said.
func TestNobodyThere(t *testing.T) {
	s := newShell(t)
	s.run("keys", "list", "--issuer", "http://127.0.0.1:1").exits(1).says("no answer from 127.0.0.1:1")
	for _, answer := range []string{"", "<html>hello</html>", `["keys"]`} {
		other := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })
		s.run("keys", "list", "--issuer", other).exits(1).says("does not answer as Curfew does")
	}
	moved := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.cluster.IssuerURL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	s.run("keys", "list", "--issuer", moved).exits(1).says("307")
}

// TestUsage: wrong calls are exit code 2, say so, and repeat nothing.
func TestUsage(t *testing.T) {
	s := newShell(t)
	const secret = "hunter2-hunter2"
	token := s.open("u-usage", "").AccessToken
	s.run("revoke", "device", "d1").says("--user ID")
	for _, args := range []string{
		"login " + secret, "logout " + secret, "sessions " + secret, "sessions list " + secret, "keys " + secret,
		"token inspect " + secret, "token " + secret, "context add", "context add A!", "context use " + strings.ToUpper(secret),
		"context add x", "context add x --issuer ftp://host", "context add x --issuer http://u:" + secret + "@host",
		"context add x --issuer http://host --edge host", "context use unknown", "context remove unknown",
		"revoke", "revoke " + secret + " x", "revoke user", "revoke all everybody", "revoke token " + token,
		"revoke session cfr_" + secret, "revoke device d1", "revoke user u --user v", "revoke session s --tenant t",
		"revoke session s --mode refresh", "revoke user u --mode later", "revoke user u --wait forever", "revoke user u --timeout 5s",
		"revoke user u --wait confirmed --timeout 2h", "revoke user u --timeout soon", "revoke user u v w",
		"keys list --context unknown", "keys list --context x --issuer http://host", "keys list --issuer host", "keys list -o xml",
		"keys list --admin-token a --admin-token-file b", "keys list --admin-token-file /nowhere/" + secret, "keys list --nonsense",
		"keys list --admin-url nothing",
	} {
		t.Run(args, func(t *testing.T) {
			o := s.run(strings.Fields(args)...).exits(2)
			if o.stdout != "" || o.stderr == "" {
				t.Errorf("standard output %q, error %q", o.stdout, o.stderr)
			}
			o.hides(secret, token)
		})
	}
}

// TestTokenThatIsMore: what no header can hold is the caller's mistake, and
// does not look like an issuer that is away.
func TestTokenThatIsMore(t *testing.T) {
	s := newShell(t)
	t.Setenv("CURFEW_ADMIN_TOKEN", s.cluster.AdminToken+"\nissuer-1")
	for _, args := range []string{"edges", "doctor", "context add x --issuer http://host"} {
		s.run(strings.Fields(args)...).exits(2).says("line break").hides(s.cluster.AdminToken)
	}
}

// jsonOf decodes standard output strictly.
func jsonOf[T any](o outcome) (v T) {
	o.t.Helper()
	dec := json.NewDecoder(strings.NewReader(o.stdout))
	dec.DisallowUnknownFields()
	testenv.Must(o.t, dec.Decode(&v))
	return v
}
