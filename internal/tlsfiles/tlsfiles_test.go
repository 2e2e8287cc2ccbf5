package tlsfiles_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

var quiet = slog.New(slog.DiscardHandler)

// certs makes an authority of its own and what it has signed.
func certs(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "certs")
	testenv.Must(t, devcerts.Make(dir, nil))
	return dir
}

func files(dir, name string) tlsfiles.Files {
	return tlsfiles.Files{Cert: devcerts.Cert(dir, name), Key: devcerts.Key(dir, name), CA: devcerts.Cert(dir, devcerts.Authority)}
}

func alone(f tlsfiles.Files) tlsfiles.Files { f.CA = ""; return f }

// echo serves one byte at a time until the test ends.
func echo(t *testing.T, c *tls.Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				secured := tls.Server(conn, c)
				_, _ = io.Copy(secured, secured)
			}()
		}
	}()
	return ln.Addr().String()
}

// talk connects and has a byte come back. TLS 1.3 tells a client only then that its
// certificate is not wanted.
func talk(addr string, c *tls.Config) (*tls.Conn, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, c)
	if err != nil {
		return nil, err
	}
	return conn, again(conn)
}

func again(conn *tls.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err := conn.Write([]byte{'x'})
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1))
	}
	return err
}

func peer(t *testing.T, f tlsfiles.Files) *tls.Config {
	t.Helper()
	c, err := tlsfiles.Peer{Files: f}.Config(quiet)
	testenv.Must(t, err)
	c.ServerName = "localhost"
	return c
}

func server(t *testing.T, f tlsfiles.Files, log *slog.Logger) string {
	t.Helper()
	c, err := tlsfiles.Server(f, log, "http/1.1")
	testenv.Must(t, err)
	return echo(t, c)
}

func TestMutual(t *testing.T) {
	own, other := certs(t), certs(t)
	addr := server(t, files(own, "issuer"), quiet)
	for name, c := range map[string]struct {
		client *tls.Config
		good   bool
	}{
		"a client of the same authority":      {peer(t, files(own, "edge")), true},
		"a client without a certificate":      {peer(t, tlsfiles.Files{CA: devcerts.Cert(own, devcerts.Authority)}), false},
		"a client of another authority":       {peer(t, tlsfiles.Files{Cert: devcerts.Cert(other, "edge"), Key: devcerts.Key(other, "edge"), CA: devcerts.Cert(own, devcerts.Authority)}), false},
		"a client that trusts another":        {peer(t, files(other, "edge")), false},
		"a client that trusts the system's":   {peer(t, alone(files(own, "edge"))), false},
		"a client with a list of TLS 1.2":     {weak(peer(t, files(own, "edge")), tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), true},
		"a client without forward secrecy":    {weak(peer(t, files(own, "edge")), tls.TLS_RSA_WITH_AES_128_GCM_SHA256), false},
		"a client without authenticated data": {weak(peer(t, files(own, "edge")), tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA), false},
		"a client of TLS 1.1":                 {old(peer(t, files(own, "edge"))), false},
	} {
		if _, err := talk(addr, c.client); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was agreed on by a certificate that was replaced is not resumed.
func TestReplacedIsNotResumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		old, fresh := certs(t), certs(t)
		addr := server(t, alone(files(old, "issuer")), quiet)
		client := peer(t, tlsfiles.Files{CA: devcerts.Cert(old, devcerts.Authority)})
		client.MaxVersion, client.ClientSessionCache = version, tls.NewLRUClientSessionCache(8)
		for n := range 2 {
			conn, err := talk(addr, client)
			testenv.Must(t, err)
			if resumed := conn.ConnectionState().DidResume; resumed != (n == 1) {
				t.Fatalf("%x: resumed %v the %d. time", version, resumed, n+1)
			}
		}
		replace(t, fresh, old, "issuer")
		testenv.Eventually(t, time.Minute, func() error {
			if _, err := talk(addr, client); err == nil {
				return errors.New("a session from before goes on")
			}
			return nil
		})
	}
}

func weak(c *tls.Config, suite uint16) *tls.Config {
	c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite}
	return c
}

func old(c *tls.Config) *tls.Config {
	c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return c
}

// replace puts files in the place of others, as a renewal does. The names may stand
// for the same version only if nothing at all has changed, so time is made to pass.
func replace(t *testing.T, from, to, name string) {
	t.Helper()
	for _, file := range []string{devcerts.Cert(to, name), devcerts.Key(to, name)} {
		data, err := os.ReadFile(filepath.Join(from, filepath.Base(file)))
		testenv.Must(t, err)
		testenv.Must(t, os.WriteFile(file, data, 0o600))
	}
}

func TestRenewedWithoutDroppingConnections(t *testing.T) {
	old, fresh := certs(t), certs(t)
	addr := server(t, alone(files(old, "issuer")), quiet)
	before := peer(t, tlsfiles.Files{CA: devcerts.Cert(old, devcerts.Authority)}) // read once: the next line replaces nothing of it
	after := peer(t, tlsfiles.Files{CA: devcerts.Cert(fresh, devcerts.Authority)})
	conn, err := talk(addr, before)
	testenv.Must(t, err)
	replace(t, fresh, old, "issuer")
	testenv.Eventually(t, time.Minute, func() error { _, err := talk(addr, after); return err })
	if _, err := talk(addr, before); err == nil {
		t.Error("the old certificate is still shown")
	}
	if err := again(conn); err != nil {
		t.Errorf("an old connection broke: %v", err)
	}
}

// The client's own certificate, and the authorities of clients.
func TestRenewedOnBothSides(t *testing.T) {
	old, fresh := certs(t), certs(t)
	addr := server(t, files(old, "issuer"), quiet)
	client := peer(t, files(old, "edge"))
	client.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	_, err := talk(addr, client)
	testenv.Must(t, err)
	replace(t, fresh, old, devcerts.Authority) // who asks for a client's certificate looks there
	testenv.Eventually(t, time.Minute, func() error {
		if _, err := talk(addr, client); err == nil {
			return errors.New("a client of an authority that is gone is let in, or resumes")
		}
		return nil
	})
	replace(t, fresh, old, "edge")
	testenv.Eventually(t, time.Minute, func() error { _, err := talk(addr, client); return err })
}

func TestGoesOnWithHalfWrittenFiles(t *testing.T) {
	old, fresh := certs(t), certs(t)
	var b testenv.Lines
	addr := server(t, alone(files(old, "issuer")), slog.New(slog.NewTextHandler(&b, nil)))
	client := peer(t, tlsfiles.Files{CA: devcerts.Cert(old, devcerts.Authority)})
	data, err := os.ReadFile(devcerts.Cert(fresh, "issuer"))
	testenv.Must(t, err)
	testenv.Must(t, os.WriteFile(devcerts.Cert(old, "issuer"), data, 0o600)) // and the key is still the other's
	testenv.Eventually(t, time.Minute, func() error {
		if _, err := talk(addr, client); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "cannot be used") {
			return errors.New("nothing in the log")
		}
		return nil
	})
	if n := strings.Count(b.String(), "cannot be used"); n != 1 {
		t.Errorf("said %d times", n)
	}
	key, err := os.ReadFile(devcerts.Key(fresh, "issuer"))
	testenv.Must(t, err)
	testenv.Must(t, os.WriteFile(devcerts.Key(old, "issuer"), key, 0o600))
	after := peer(t, tlsfiles.Files{CA: devcerts.Cert(fresh, devcerts.Authority)})
	testenv.Eventually(t, time.Minute, func() error { _, err := talk(addr, after); return err })
	if strings.Contains(b.String(), "PRIVATE") || bytes.Contains([]byte(b.String()), key[:40]) {
		t.Error("the log holds a key")
	}
}

func TestUnverified(t *testing.T) {
	addr := server(t, alone(files(certs(t), "issuer")), quiet)
	c, err := tlsfiles.Peer{Unverified: true}.Config(quiet)
	testenv.Must(t, err)
	if _, err := talk(addr, c); err != nil {
		t.Error(err)
	}
	if c, err := (tlsfiles.Peer{}).Config(quiet); c != nil || err != nil {
		t.Errorf("without anything: %v, %v", c, err)
	}
}

func TestCheck(t *testing.T) {
	dir := certs(t)
	nothing := filepath.Join(t.TempDir(), "empty.crt")
	testenv.Must(t, os.WriteFile(nothing, nil, 0o600))
	good := files(dir, "issuer")
	secret, err := os.ReadFile(good.Key)
	testenv.Must(t, err)
	whole, err := os.ReadFile(good.CA)
	testenv.Must(t, err)
	half, locked := filepath.Join(dir, "half.crt"), filepath.Join(dir, "locked.key")
	testenv.Must(t, os.WriteFile(half, append(whole, whole[:len(whole)/2]...), 0o600))
	testenv.Must(t, os.WriteFile(locked, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), 0o600))
	for name, c := range map[string]struct {
		files tlsfiles.Files
		says  string // empty: nothing
	}{
		"good":                    {good, ""},
		"none":                    {tlsfiles.Files{}, ""},
		"no key":                  {tlsfiles.Files{Cert: good.Cert}, "no use without its key"},
		"no certificate":          {tlsfiles.Files{Key: good.Key}, "no use without the cert"},
		"another's key":           {tlsfiles.Files{Cert: good.Cert, Key: devcerts.Key(dir, "edge")}, "does not match"},
		"a missing file":          {tlsfiles.Files{Cert: filepath.Join(dir, "gone"), Key: good.Key}, "gone"},
		"an empty authority":      {tlsfiles.Files{CA: nothing}, "no certificate in PEM"},
		"a key as authority":      {tlsfiles.Files{CA: good.Key}, "that is no certificate"},
		"half an authority":       {tlsfiles.Files{CA: half}, "cut off"},
		"a key for a name":        {tlsfiles.Files{Cert: good.Cert, Key: string(secret)}, "key: holds the content"},
		"an authority for a name": {tlsfiles.Files{CA: "-----BEGIN CERTIFICATE-----"}, "ca: holds the content"},
		"an encrypted key":        {tlsfiles.Files{Cert: good.Cert, Key: locked}, "is encrypted"},
	} {
		if err := c.files.Check(); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.files.Check(); err != nil && strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: the error repeats the content", name)
		}
	}
}
