package devcerts_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func read(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(file)
	testenv.Must(t, err)
	block, rest := pem.Decode(data)
	if block == nil || len(rest) > 0 {
		t.Fatalf("%s holds more or less than one block", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	testenv.Must(t, err)
	return cert
}

func TestMake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "certs")
	testenv.Must(t, devcerts.Make(dir, []string{"Box.example", "192.0.2.7", "::ffff:192.0.2.9", "box.example"}))
	roots := x509.NewCertPool()
	roots.AddCert(read(t, devcerts.Cert(dir, devcerts.Authority)))
	for _, service := range devcerts.Services {
		cert := read(t, devcerts.Cert(dir, service))
		for host, good := range map[string]bool{
			"localhost": true, "127.0.0.1": true, "::1": true, service: true, "box.example": true, "192.0.2.7": true, "192.0.2.9": true,
			"example.com": false, "192.0.2.8": false,
		} {
			for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
				_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{use}})
				if (err == nil) != good {
					t.Errorf("%s as %s: %v", service, host, err)
				}
			}
		}
		if left := time.Until(cert.NotAfter); left < 29*24*time.Hour || left > 31*24*time.Hour {
			t.Errorf("%s ends in %v", service, left)
		}
	}
	for _, name := range append([]string{devcerts.Authority}, devcerts.Services...) {
		info, err := os.Stat(devcerts.Key(dir, name))
		testenv.Must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the key of %s has the mode %v", name, info.Mode())
		}
	}
}

func TestReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	file := devcerts.Key(dir, "redis")
	testenv.Must(t, os.WriteFile(file, []byte("mine"), 0o600))
	if err := devcerts.Make(dir, nil); err == nil {
		t.Fatal("made although a file is there")
	}
	entries, err := os.ReadDir(dir)
	testenv.Must(t, err)
	if data, _ := os.ReadFile(file); len(entries) != 1 || string(data) != "mine" {
		t.Errorf("%d files, and %q", len(entries), data)
	}
}

func TestBadHosts(t *testing.T) {
	for _, host := range []string{"", "a b", "*.example", "fe80::1%eth0", "-a", "a..b", "http://x"} {
		dir := filepath.Join(t.TempDir(), "x")
		if err := devcerts.Make(dir, []string{host}); !errors.Is(err, devcerts.ErrHosts) {
			t.Errorf("%q: %v", host, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: made the directory", host)
		}
	}
}
