package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestDemo: three edges, three refusals with their milliseconds, exit code 0.
func TestDemo(t *testing.T) {
	tmp := t.TempDir()
	o := execute(t, command{path: testenv.BuildBinaries(t, false).Curfew, args: []string{"demo"}, env: []string{"TMPDIR=" + tmp}}).mustExit(t, 0)
	refusals := regexp.MustCompile(`(?m)^ +edge-[123] .* 401 token_revoked after [\d.]+ ms$`).FindAllString(o.stdout, -1)
	if len(refusals) != 3 || !strings.Contains(o.stdout, "3 of 3 edges refused") {
		t.Errorf("not three refusals:\n%s%s", o.stdout, o.stderr)
	}
	t.Log("\n" + o.stdout)
	mustBeEmpty(t, tmp)
}

// TestHashPassword: the PHC string, alone on a line, with a salt of its own;
// that issuers accept it is what TestCluster rests on.
func TestHashPassword(t *testing.T) {
	curfew := testenv.BuildBinaries(t, false).Curfew
	form := regexp.MustCompile(`^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+\n$`)
	var seen []string
	for _, stdin := range []string{secret + "\n", secret + "\r\n", secret} {
		o := execute(t, command{path: curfew, args: []string{"hash-password"}, stdin: stdin}).mustExit(t, 0)
		if !form.MatchString(o.stdout) || o.stderr != "" {
			t.Errorf("%q, %q", o.stdout, o.stderr)
		}
		seen = append(seen, o.stdout)
	}
	if seen[0] == seen[1] || seen[1] == seen[2] {
		t.Error("hashes share a salt")
	}
	for _, stdin := range []string{"", "\n", strings.Repeat(secret, 1000)} {
		o := execute(t, command{path: curfew, args: []string{"hash-password"}, stdin: stdin}).mustExit(t, 1)
		if o.stdout != "" || o.stderr == "" || strings.Contains(o.stderr, secret) {
			t.Errorf("%q, %q", o.stdout, o.stderr)
		}
	}
}

// TestHashToken: the hash of an admin's token is its SHA-256, and a token that
// somebody could guess gets none.
func TestHashToken(t *testing.T) {
	curfew := testenv.BuildBinaries(t, false).Curfew
	token := strings.Repeat("0123456789abcdef", 2)
	sum := sha256.Sum256([]byte(token))
	for _, stdin := range []string{token, token + "\n", token + "\r\n"} {
		o := execute(t, command{path: curfew, args: []string{"hash-token"}, stdin: stdin}).mustExit(t, 0)
		if o.stdout != hex.EncodeToString(sum[:])+"\n" {
			t.Errorf("%q gives %q", stdin, o.stdout)
		}
	}
	for _, stdin := range []string{"", "\n", token[:31], token + " x", strings.Repeat("a", 5000)} {
		o := execute(t, command{path: curfew, args: []string{"hash-token"}, stdin: stdin}).mustExit(t, 1)
		if o.stdout != "" || len(stdin) > 1 && strings.Contains(o.stderr, stdin) {
			t.Errorf("%d bytes: %q, %q", len(stdin), o.stdout, o.stderr)
		}
	}
}
