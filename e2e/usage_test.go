package e2e_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestUsage: wrong usage is exit code 2, a taken port 1, and both say
// what is wrong. Nothing is left behind.
func TestUsage(t *testing.T) {
	curfew := testenv.BuildBinaries(t, false).Curfew
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for _, r := range []struct {
		args string
		code int
		says []string
	}{
		{"up --port " + port, 1, []string{"address already in use", "--port"}},
		{"up --port 99999", 2, []string{"99999"}},
		{"up --port -1", 2, []string{"-1"}},
		{"up --port http", 2, []string{"--port"}},
		{"up --edges 0", 2, []string{"0 edges"}},
		{"up --edges 1000", 2, []string{"1000 edges"}},
		{"up --log-level loud", 2, []string{"log-level"}},
		{"up --jsn", 2, []string{"--jsn"}},
		{"up now", 2, nil},
		{"demo --nonsense", 2, []string{"--nonsense"}},
		{"demo now", 2, nil},
		{"upp", 2, []string{"no such command"}},
		{"hash-password " + secret, 2, nil},
		{"hash-token " + secret, 2, nil},
	} {
		t.Run(r.args, func(t *testing.T) {
			tmp := t.TempDir()
			o := execute(t, command{path: curfew, args: strings.Fields(r.args), env: []string{"TMPDIR=" + tmp}}).mustExit(t, r.code).mustSay(t, r.says...)
			if o.stdout != "" || o.stderr == "" || strings.Contains(o.stderr, secret) {
				t.Errorf("standard output %q, error %q", o.stdout, o.stderr)
			}
			mustBeEmpty(t, tmp)
		})
	}
}
