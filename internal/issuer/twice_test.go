package issuer_test

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
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

// A refresh token of a session that a cutoff has ended, which only the store has, and
// that was opened by a key that has retired: nothing shows that the session was ours.
func TestEndedByAPendingCutoff(t *testing.T) {
	var keysDir string
	b := start(t, func(c *config.Issuer) { keysDir = c.KeysDir })
	g := b.login(t, "bob", "")
	replaceKey(t, b, keysDir)
	b.nats.Stop()
	call{url: b.url + "/admin/v1/revocations", bearer: b.admin, body: `{"scope":"user","id":"u-bob"}`}.do(t).
		want(t, "the cutoff", http.StatusAccepted, "")
	b.post(t, "/oauth2/revoke", "", "token", g.RefreshToken).
		wantError(t, "the refresh token", http.StatusServiceUnavailable, "temporarily_unavailable")
}

// replaceKey puts another key in the place of those that there are, and waits until the
// issuer has none of them.
func replaceKey(t *testing.T, b *bench, dir string) {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	testenv.Must(t, err)
	other := t.TempDir()
	keys, err := token.OpenKeyring(token.KeyringConfig{Dir: other, Create: true, PublishDelay: time.Minute, Keep: time.Hour, Log: slog.Default()})
	testenv.Must(t, err)
	fresh, err := filepath.Glob(filepath.Join(other, "*.pem"))
	testenv.Must(t, err)
	testenv.Must(t, os.Rename(fresh[0], filepath.Join(dir, filepath.Base(fresh[0]))))
	for _, file := range old {
		testenv.Must(t, os.Remove(file))
	}
	testenv.Eventually(t, time.Minute, func() error {
		set := call{url: b.url + "/.well-known/jwks.json"}.do(t).body
		if !strings.Contains(set, keys.SigningKeyID()) || strings.Contains(set, strings.TrimSuffix(filepath.Base(old[0]), ".pem")) {
			return errors.New("the issuer has not read its keys again")
		}
		return nil
	})
}
