package cli_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestInspect: a good token, from standard input and from a file, is explained
// without being shown.
func TestInspect(t *testing.T) {
	s := newShell(t)
	g := s.open("u-inspect", "acme")
	file := filepath.Join(t.TempDir(), "token")
	testenv.Must(t, os.WriteFile(file, []byte("Bearer "+g.AccessToken+"\n"), 0o600))
	signature := g.AccessToken[strings.LastIndexByte(g.AccessToken, '.')+1:]
	s.runWith(g.AccessToken+"\n", "token", "inspect").exits(0).hides(g.AccessToken, signature).golden("inspect")
	s.run("token", "inspect", "--file", file, "-o", "json").exits(0).hides(signature).golden("inspect-json")
	s.runWith(g.RefreshToken, "token", "inspect").exits(0).hides(g.RefreshToken).golden("inspect-refresh")
	s.runWith(g.AccessToken, "token", "inspect", "--audience", "billing").exits(1).says("another audience")

	s.run("revoke", "session", g.SessionID).exits(0)
	s.runWith(g.AccessToken, "token", "inspect").exits(1).says("revoked").prints("verified", "yes").hides(g.AccessToken, signature)
	s.runWith(g.RefreshToken, "token", "inspect").exits(1).says("revoked").hides(g.RefreshToken)
	t.Setenv("CURFEW_ADMIN_TOKEN", "")
	s.runWith(g.AccessToken, "token", "inspect").exits(0).prints("asking takes an admin")
	s.runWith(g.RefreshToken, "token", "inspect").exits(1).says("cannot be verified")
}

// TestInspectBad: what is not good is not, and the issuer is not asked about it.
func TestInspectBad(t *testing.T) {
	s := newShell(t)
	good := s.open("u-bad", "").AccessToken
	parts := strings.Split(good, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	testenv.Must(t, err)
	forged := func(from, to string) string {
		claims := strings.Replace(string(text), from, to, 1)
		return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "." + parts[2]
	}
	for name, c := range map[string]struct{ raw, says string }{
		"user":     {forged("u-bad", "u-worse"), "wrong signature"},
		"none":     {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt","kid":"x"}`)) + "." + parts[1] + ".", "unknown key"},
		"no token": {"hello", "form of a token"},
		"no JSON":  {"aGVsbG8.aGVsbG8.aGVsbG8", "form of a token"},
		"null":     {"bnVsbA.bnVsbA.aGVsbG8", "form of a token"},
		"long":     {strings.Repeat("a", 9000) + ".a.a", "form of a token"},
	} {
		t.Run(name, func(t *testing.T) {
			s.runWith(c.raw, "token", "inspect").exits(1).says(c.says).prints("not asked").hides(c.raw)
		})
	}
	s.runWith("", "token", "inspect").exits(2)
}
