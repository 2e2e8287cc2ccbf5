//go:build unix

package chaos

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rules "github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

const (
	users     = 40
	scopeUser = "user"
)

// secrets are made anew for every cluster.
type secrets struct {
	keysDir, usersFile, password, adminToken string
}

// makeSecrets hashes one password for all users: hashing is slow, and no test
// here is about passwords.
func makeSecrets(t testing.TB) secrets {
	t.Helper()
	dir := t.TempDir()
	s := secrets{
		keysDir: filepath.Join(dir, "keys"), usersFile: filepath.Join(dir, "users.yaml"),
		password: rand.Text(), adminToken: rand.Text(),
	}
	hash, err := rules.HashPassword(s.password)
	testenv.Must(t, err)
	var file strings.Builder
	file.WriteString("users:\n")
	for i := range users {
		fmt.Fprintf(&file, "  - username: %s\n    password_hash: %q\n    user_id: %s\n", username(i), hash, userID(i))
	}
	testenv.Must(t, os.Mkdir(s.keysDir, 0o700))
	testenv.Must(t, os.WriteFile(s.usersFile, []byte(file.String()), 0o600))
	return s
}

func username(i int) string { return fmt.Sprintf("user%d", i) }
func userID(i int) string   { return fmt.Sprintf("u-%d", i) }

// frontIssuers returns a URL at which whichever issuer answers is found, as
// behind a load balancer. Edges fetch the signing keys there.
func (c *cluster) frontIssuers() string {
	client := &http.Client{Timeout: time.Second}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, n := range c.issuers {
			resp, err := client.Get(n.url + r.URL.Path)
			if err != nil {
				continue
			}
			defer resp.Body.Close()
			w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body) // the edge notices a short answer
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	c.t.Cleanup(front.Close)
	return front.URL
}
