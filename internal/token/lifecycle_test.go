package token

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	testDelay = time.Minute
	testKeep  = 20 * time.Minute
)

// startKeyring is one issuer of several that share dir. Call it in a bubble.
func startKeyring(t *testing.T, dir string, change func(*KeyringConfig)) *Keyring {
	t.Helper()
	cfg := KeyringConfig{Dir: dir, Create: true, PublishDelay: testDelay, Keep: testKeep}
	if change != nil {
		change(&cfg)
	}
	k, err := OpenKeyring(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = k.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return k
}

// states are the keys of k, the oldest first, by their states.
func states(k *Keyring) string {
	var s []string
	for _, info := range k.Keys() {
		s = append(s, string(info.State))
	}
	return strings.Join(s, " ")
}

// published reports whether others can verify with the key.
func published(t *testing.T, k *Keyring, kid string) bool {
	t.Helper()
	set, _, err := parseJWKS(k.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	_, ok := set[kid]
	return ok
}

// TestRotation follows one rotation through its life, on the issuer that was
// asked, on another, and on one that starts only now, at every step.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a, b := startKeyring(t, dir, nil), startKeyring(t, dir, nil)
		old := a.SigningKeyID()
		time.Sleep(time.Hour)
		info, err := a.Rotate("")
		if err != nil || info.State != KeyPublished || time.Until(info.SignsFrom) != testDelay || !published(t, a, info.ID) {
			t.Fatalf("Rotate = %+v, %v; want published, to sign in %v", info, err, testDelay)
		}
		begun := time.Now()
		for _, step := range []struct {
			at     time.Duration
			states string
			signs  string
		}{
			{maxReload + time.Second, "signing published", old},
			{testDelay - time.Second, "signing published", old},
			{testDelay + maxReload + time.Second, "retiring signing", info.ID},
			{testDelay + testKeep - time.Second, "retiring signing", info.ID},
			{testDelay + testKeep + 2*maxReload + time.Second, "signing", info.ID},
		} {
			time.Sleep(time.Until(begun.Add(step.at)))
			fresh, err := OpenKeyring(KeyringConfig{Dir: dir, PublishDelay: testDelay, Keep: testKeep})
			if err != nil {
				t.Fatal(err)
			}
			for name, k := range map[string]*Keyring{"asked": a, "other": b, "fresh": fresh} {
				if states(k) != step.states || k.SigningKeyID() != step.signs {
					t.Errorf("%s, %v: %s signs %s; want %s, %s", name, step.at, states(k), k.SigningKeyID(), step.states, step.signs)
				}
				if want := strings.Contains(step.states, " "); published(t, k, old) != want || !published(t, k, info.ID) {
					t.Errorf("%s, %v: old published %v, want %v, and the new one", name, step.at, !want, want)
				}
			}
		}
		wantFiles(t, dir, info.ID+keySuffix, retiredDir+"/"+old+keySuffix)
	})
}

// wantFiles are the key files in dir and below.
func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	for _, pattern := range []string{"*.pem", "*/*.pem"} {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range paths {
			name, _ := filepath.Rel(dir, path)
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

func TestOneRotationAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a, b := startKeyring(t, dir, nil), startKeyring(t, dir, nil)
		time.Sleep(2 * testDelay)
		var wg sync.WaitGroup
		results := make([]error, 16)
		for i := range results {
			wg.Go(func() { _, results[i] = []*Keyring{a, b}[i%2].Rotate("") })
		}
		wg.Wait()
		made := 0
		for _, err := range results {
			if err == nil {
				made++
			} else if !errors.Is(err, ErrRotationPending) {
				t.Error(err)
			}
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*.pem")); made != 1 || len(files) != 2 {
			t.Errorf("%d rotations, files %q; want 1 and 2 files", made, files)
		}
		if _, err := a.Rotate("HS256"); !errors.Is(err, ErrRotationPending) {
			t.Errorf("while pending: %v", err)
		}
		time.Sleep(2 * testDelay)
		for _, alg := range []string{"HS256", "none", "eddsa", "RS512"} {
			if _, err := a.Rotate(alg); !errors.Is(err, ErrAlgorithm) {
				t.Errorf("Rotate(%s): %v", alg, err)
			}
		}
		for _, alg := range []string{ES256, RS256} {
			if info, err := b.Rotate(alg); err != nil || info.Algorithm != alg {
				t.Errorf("Rotate(%s) = %+v, %v", alg, info, err)
			}
			time.Sleep(2 * testDelay)
		}
		if states(a) != "retiring retiring retiring signing" {
			t.Errorf("in the end: %s", states(a))
		}
	})
}

func TestRotationByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		hourly := func(cfg *KeyringConfig) { cfg.RotateEvery = time.Hour }
		a, _ := startKeyring(t, dir, hourly), startKeyring(t, dir, hourly)
		seen := map[string]bool{}
		for range 5 * 4 {
			time.Sleep(15 * time.Minute)
			seen[a.SigningKeyID()] = true
		}
		if len(seen) < 4 || len(seen) > 6 || len(a.Keys()) > 2 {
			t.Errorf("%d keys signed in five hours, %d now; want one an hour", len(seen), len(a.Keys()))
		}
	})
}

// TestSkewedMaker: a key whose maker's clock is wrong signs, on a running
// issuer, no sooner and no later than any other.
func TestSkewedMaker(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			if err := writeKeyFile(dir, newKeyID(time.Now().Add(-48*time.Hour)), edKey(t)); err != nil {
				t.Fatal(err)
			}
			k := startKeyring(t, dir, nil)
			kid := newKeyID(time.Now().Add(skew))
			if err := writeKeyFile(dir, kid, edKey(t)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(testDelay - time.Second)
			if k.SigningKeyID() == kid || !published(t, k, kid) {
				t.Errorf("skew %v: signs before the delay, or was not published", skew)
			}
			time.Sleep(maxReload + 2*time.Second)
			if k.SigningKeyID() != kid {
				t.Errorf("skew %v: does not sign after the delay", skew)
			}
			// The successor of a key from the future is newer all the same.
			next, err := k.Rotate("")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(testDelay + time.Second)
			if k.SigningKeyID() != next.ID {
				t.Errorf("skew %v: its successor does not sign", skew)
			}
		})
	}
}

// TestKeysByHand: they are published, then sign, and stay until removed.
func TestKeysByHand(t *testing.T) {
	const delay = 200 * time.Millisecond
	dir := t.TempDir()
	writeKey(t, dir, "mine-1", edKey(t), 0o600)
	age := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "mine-1.pem"), age, age); err != nil {
		t.Fatal(err)
	}
	k := startKeyring(t, dir, func(cfg *KeyringConfig) { cfg.PublishDelay, cfg.Keep = delay, delay })
	writeKey(t, dir, "mine-2", ecKey(t, elliptic.P256()), 0o600)
	begun := time.Now()
	await(t, func() bool { return published(t, k, "mine-2") })
	await(t, func() bool { return k.SigningKeyID() == "mine-2" })
	if d := time.Since(begun); d < delay {
		t.Errorf("signs after %v, want %v at least", d, delay)
	}
	await(t, func() bool { return time.Now().After(k.Keys()[0].RetireAt.Add(delay)) })
	if states(k) != "retiring signing" {
		t.Errorf("keys are %s, want the old one to stay", states(k))
	}
	if err := os.Remove(filepath.Join(dir, "mine-1.pem")); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return states(k) == "signing" && !published(t, k, "mine-1") })
}

// await polls a condition that real time brings about.
func await(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("timed out")
		}
	}
}

// TestBrokenDirectoryKeepsTheKeys, and is logged once each time.
func TestBrokenDirectoryKeepsTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		lines := make(lineChan, 100)
		k := startKeyring(t, dir, func(cfg *KeyringConfig) { cfg.Log = slog.New(slog.NewTextHandler(lines, nil)) })
		signing := k.SigningKeyID()
		for name, breakIt := range map[string]func(){
			"half a file": func() { writeFile(t, filepath.Join(dir, "x.pem"), []byte("-----BEGIN"), 0o600) },
			"open to all": func() { writeKey(t, dir, "x", edKey(t), 0o644) },
			"a bad kid":   func() { writeKey(t, dir, "a b", edKey(t), 0o600) },
			"emptied":     func() { _ = os.Rename(filepath.Join(dir, signing+".pem"), filepath.Join(dir, "gone")) },
		} {
			breakIt()
			time.Sleep(10 * maxReload)
			if k.SigningKeyID() != signing || len(k.Keys()) != 1 || !published(t, k, signing) {
				t.Errorf("%s: the keys changed", name)
			}
			if _, err := k.Rotate(""); name != "emptied" && err == nil {
				t.Errorf("%s: rotated", name)
			}
			_ = os.Remove(filepath.Join(dir, "x.pem"))
			_ = os.Remove(filepath.Join(dir, "a b.pem"))
			_ = os.Rename(filepath.Join(dir, "gone"), filepath.Join(dir, signing+".pem"))
			time.Sleep(2 * maxReload)
			if n := len(lines); n != 2 { // the error, and that it is over
				t.Errorf("%s: %d lines in the log, want 2", name, n)
			}
			for range len(lines) {
				if line := <-lines; strings.Contains(line, "PRIVATE KEY") {
					t.Errorf("%s: a key in the log", name)
				}
			}
		}
	})
}

func TestSharedSecret(t *testing.T) {
	const secret, other = "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdeg"
	k := openWith(t, KeyringConfig{Dir: t.TempDir(), Create: true, HS256Secret: secret})
	raw := mint(t, k, goodClaims())
	edge := func(secret string) KeySource {
		keys, err := WithSecret(testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)}), secret)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	for name, tc := range map[string]struct {
		keys KeySource
		want error
	}{
		"issuer itself": {k, nil}, "edge": {edge(secret), nil}, "other secret": {edge(other), ErrInvalid}, "no secret": {edge(""), ErrInvalid},
	} {
		if _, err := testVerifier(t, tc.keys).Verify(t.Context(), raw); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if published(t, k, k.SigningKeyID()) || strings.Contains(string(k.JWKS()), "oct") || states(k) != "published signing" {
		t.Errorf("JWKS %s, keys %s", k.JWKS(), states(k))
	}
	if _, err := k.Rotate(""); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("Rotate: %v", err)
	}
	// The secret verifies HS256 alone, and only under its kid.
	for _, h := range []string{header("EdDSA", k.SigningKeyID(), "at+jwt"), header("HS256", "k-1", "at+jwt"), header("HS512", k.SigningKeyID(), "at+jwt"), header("none", k.SigningKeyID(), "at+jwt")} {
		if _, err := testVerifier(t, edge(secret)).Verify(t.Context(), signRaw(t, k, h, claimsJSON(t, nil))); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", h, err)
		}
	}
	for _, short := range []string{"x", secret[:31], strings.Repeat("x", maxSecret+1)} {
		_, issuerErr := OpenKeyring(KeyringConfig{Dir: t.TempDir(), Create: true, HS256Secret: short})
		if _, err := WithSecret(k, short); err == nil || issuerErr == nil || strings.Contains(err.Error(), short) {
			t.Errorf("a secret of %d bytes: %v, %v", len(short), err, issuerErr)
		}
	}
}
