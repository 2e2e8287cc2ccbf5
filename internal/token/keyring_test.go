package token

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func writeKey(t *testing.T, dir, kid string, key any, mode os.FileMode) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, kid+".pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), mode)
}

func writeFile(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, data, mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func openKeyring(t *testing.T, dir string, create bool) *Keyring {
	t.Helper()
	return openWith(t, KeyringConfig{Dir: dir, Create: create})
}

func openWith(t *testing.T, cfg KeyringConfig) *Keyring {
	t.Helper()
	k, err := OpenKeyring(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestFirstKeyIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "keys")
	if _, err := OpenKeyring(KeyringConfig{Dir: dir}); !errors.Is(err, ErrNoKeys) || !strings.Contains(err.Error(), "openssl genpkey") {
		t.Fatalf("no keys: %v, want ErrNoKeys and what to do", err)
	}
	first := openKeyring(t, dir, true)
	again := openKeyring(t, dir, true)
	if first.SigningKeyID() != again.SigningKeyID() || len(again.Keys()) != 1 {
		t.Fatalf("opened twice: kid %s, then %s of %d", first.SigningKeyID(), again.SigningKeyID(), len(again.Keys()))
	}
	if _, err := testVerifier(t, again).Verify(t.Context(), mint(t, first, goodClaims())); err != nil {
		t.Fatal(err)
	}
	wantMode(t, dir, 0o700)
	wantMode(t, filepath.Join(dir, first.SigningKeyID()+".pem"), 0o600)
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != want {
		t.Errorf("%s: %v, %v; want mode %v", path, info.Mode(), err, want)
	}
}

func TestConcurrentCreationAgrees(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "keys")
		kids := make([]string, 16)
		var wg sync.WaitGroup
		for i := range kids {
			wg.Go(func() {
				if k, err := OpenKeyring(KeyringConfig{Dir: dir, Create: true}); err != nil {
					t.Error(err)
				} else {
					kids[i] = k.SigningKeyID()
				}
			})
		}
		wg.Wait()
		wantOneKid(t, dir, kids)
	}
}

// TestConcurrentCreationByProcesses runs this test binary again, several at
// once, as issuers that share the directory.
func TestConcurrentCreationByProcesses(t *testing.T) {
	const dirVar = "TOKEN_TEST_KEYS_DIR"
	if dir := os.Getenv(dirVar); dir != "" {
		_, _ = os.Stdout.WriteString("kid=" + openKeyring(t, dir, true).SigningKeyID() + "\n")
		return
	}
	dir := filepath.Join(t.TempDir(), "keys")
	kids := make([]string, 6)
	var wg sync.WaitGroup
	for i := range kids {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
			cmd.Env = append(os.Environ(), dirVar+"="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			_, rest, _ := strings.Cut(string(out), "kid=")
			kids[i], _, _ = strings.Cut(rest, "\n")
		})
	}
	wg.Wait()
	wantOneKid(t, dir, kids)
}

func wantOneKid(t *testing.T, dir string, kids []string) {
	t.Helper()
	for _, kid := range kids {
		if kid == "" || kid != kids[0] {
			t.Fatalf("kids differ: %q", kids)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.pem")); len(files) != 1 {
		t.Fatalf("key files: %q, want one", files)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) != 0 {
		t.Fatalf("left behind: %q", left)
	}
}

func TestNewestKeySignsAndAllVerify(t *testing.T) {
	dir := t.TempDir()
	writeKey(t, dir, "2025", edKey(t), 0o600)
	old := mint(t, openKeyring(t, dir, false), goodClaims())
	writeKey(t, dir, "2026", ecKey(t, elliptic.P256()), 0o440)
	writeKey(t, dir, "2024", rsaKey(t, 2048), 0o400)
	for kid, age := range map[string]time.Duration{"2024": 3 * time.Hour, "2025": 2 * time.Hour, "2026": time.Hour} {
		changed := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(dir, kid+".pem"), changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, ".hidden.pem"), []byte("x"), 0o644)
	writeFile(t, filepath.Join(dir, "README"), []byte("x"), 0o644)

	k := openKeyring(t, dir, true)
	if k.SigningKeyID() != "2026" || len(k.Keys()) != 3 {
		t.Fatalf("signs with %s, %d keys; want 2026 of 3", k.SigningKeyID(), len(k.Keys()))
	}
	c, err := testVerifier(t, k).Verify(t.Context(), old)
	if err != nil || c.KeyID != "2025" {
		t.Fatalf("a token of the older key: kid %q, %v", c.KeyID, err)
	}
}

func TestUnusableKeysAreErrors(t *testing.T) {
	good := edKey(t)
	for name, tc := range map[string]struct {
		write func(dir string)
		want  string // in the message, because a person has to act on it
	}{
		"open to everyone":  {func(d string) { writeKey(t, d, "k", good, 0o604) }, "chmod 600"},
		"RSA of 1024 bits":  {func(d string) { writeKey(t, d, "k", rsaKey(t, 1024), 0o600) }, "RSA of 2048"},
		"another curve":     {func(d string) { writeKey(t, d, "k", ecKey(t, elliptic.P384()), 0o600) }, "P-256"},
		"a kid of no use":   {func(d string) { writeKey(t, d, "a b", good, 0o600) }, "kid"},
		"not a key":         {func(d string) { writeFile(t, filepath.Join(d, "k.pem"), []byte("x"), 0o600) }, "PKCS #8"},
		"a directory":       {func(d string) { _ = os.Mkdir(filepath.Join(d, "k.pem"), 0o700) }, "not a file"},
		"a huge file":       {func(d string) { writeFile(t, filepath.Join(d, "k.pem"), make([]byte, maxKeyFile+1), 0o600) }, "at most"},
		"a link to nowhere": {func(d string) { _ = os.Symlink("gone", filepath.Join(d, "k.pem")) }, "k.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tc.write(dir)
			if _, err := OpenKeyring(KeyringConfig{Dir: dir, Create: true}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("OpenKeyring: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestNewKeyIDsSortByTime(t *testing.T) {
	a, b := newKeyID(testNow), newKeyID(testNow.Add(time.Second))
	if a >= b || !validKeyID(a) || a == newKeyID(testNow) {
		t.Fatalf("kids %q, then %q", a, b)
	}
}
