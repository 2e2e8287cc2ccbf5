package e2e_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestStartRefused: without --check-config the same, and what only shows when
// the service opens it.
func TestStartRefused(t *testing.T) {
	s := newSetup(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	defer taken.Close()
	users := filepath.Join(s.dir, "weak.yaml")
	testenv.Must(t, os.WriteFile(users, []byte("users: [{username: eve, user_id: e, password_hash: "+secret+"}]\n"), 0o600))
	good := []string{"CURFEW_LISTEN=127.0.0.1:0", "CURFEW_KEYS_DIR=" + s.keysDir(), "CURFEW_USERS_FILE=" + s.usersFile(), "CURFEW_ADMIN_TOKEN=" + s.admin}
	for _, r := range []struct {
		name, path string
		env        []string
		code       int
		says       string
	}{
		{"issuer without admin token", s.bin.Issuer, []string{"CURFEW_ADMIN_TOKEN="}, 2, "CURFEW_ADMIN_TOKEN"},
		{"issuer with an unknown variable", s.bin.Issuer, []string{"CURFEW_NONSENSE=1"}, 2, "CURFEW_NONSENSE"},
		{"issuer on a taken port", s.bin.Issuer, []string{"CURFEW_LISTEN=" + taken.Addr().String()}, 1, "address already in use"},
		{"issuer with a bad hash", s.bin.Issuer, []string{"CURFEW_USERS_FILE=" + users}, 1, "curfew hash-password"},
		{"edge on a taken port", s.bin.Edge, []string{"CURFEW_LISTEN=" + taken.Addr().String()}, 1, "address already in use"},
		{"edge with an unknown variable", s.bin.Edge, []string{"CURFEW_NONSENSE=1"}, 2, "CURFEW_NONSENSE"},
	} {
		t.Run(r.name, func(t *testing.T) {
			o := execute(t, command{path: r.path, env: append(slices.Clone(good), r.env...)}).mustExit(t, r.code).mustSay(t, r.says)
			if strings.Contains(o.stderr, secret) || strings.Contains(o.stderr, s.admin) {
				t.Errorf("a secret is repeated: %s", o.stderr)
			}
		})
	}
	t.Run("healthcheck of a bad configuration", func(t *testing.T) {
		execute(t, command{path: s.bin.Issuer, args: []string{"healthcheck"}}).mustExit(t, 2)
		execute(t, command{path: s.bin.Edge, args: []string{"healthcheck", "--nonsense"}}).mustExit(t, 2)
	})
	t.Run("healthcheck of nothing", func(t *testing.T) {
		taken.Close()
		env := append(slices.Clone(good), "CURFEW_LISTEN="+taken.Addr().String())
		execute(t, command{path: s.bin.Issuer, args: []string{"healthcheck"}, env: env}).mustExit(t, 1)
		execute(t, command{path: s.bin.Edge, args: []string{"healthcheck"}, env: env}).mustExit(t, 1)
	})
}
