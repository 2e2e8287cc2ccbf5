package front_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// A booth is a listener that speaks TLS, served by Fiber or by net/http.
type booth struct {
	addr     string
	client   *tls.Config
	registry *prometheus.Registry
	log      *testenv.Lines
	end      context.CancelFunc
	ended    chan error
}

func openBooth(t *testing.T, streaming bool) *booth {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "certs")
	testenv.Must(t, devcerts.Make(dir, nil))
	ca := devcerts.Cert(dir, devcerts.Authority)
	b := &booth{registry: prometheus.NewRegistry(), log: &testenv.Lines{}, ended: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	files := tlsfiles.Files{Cert: devcerts.Cert(dir, "edge"), Key: devcerts.Key(dir, "edge"), CA: ca}
	protocols := front.FiberProtocols
	if streaming {
		protocols = front.HTTPProtocols
	}
	shield, err := front.NewHandshakes(files.Cert, b.registry, log).Shield(files, protocols...)
	testenv.Must(t, err)
	b.client, err = tlsfiles.Peer{Files: tlsfiles.Files{Cert: devcerts.Cert(dir, "admin"), Key: devcerts.Key(dir, "admin"), CA: ca}}.Config(log)
	testenv.Must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	b.addr = ln.Addr().String()
	drain := front.NewDrain(0, 30*time.Second)
	app := front.NewApp(front.AppConfig{Log: log, Registry: prometheus.NewRegistry(), Drain: drain})
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("hello") })
	var ctx context.Context
	ctx, b.end = context.WithCancel(context.Background())
	t.Cleanup(b.end)
	go func() {
		if streaming {
			b.ended <- front.ServeHTTP(ctx, front.Bridge(app, drain), ln, shield, drain)
		} else {
			b.ended <- front.Serve(ctx, app, ln, shield, drain)
		}
	}()
	return b
}

func (b *booth) get(c *tls.Config) (proto string, err error) {
	transport := &http.Transport{TLSClientConfig: c.Clone(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get("https://" + b.addr + "/")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "hello" {
		return "", errors.Join(err, errors.New(string(body)))
	}
	return res.Proto, nil
}

func (b *booth) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := b.registry.Gather()
	testenv.Must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestShield(t *testing.T) {
	for name, streaming := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(name, func(t *testing.T) {
			ceiling.Of(t, 2*time.Minute)
			b := openBooth(t, streaming)
			if proto, err := b.get(b.client); err != nil || proto != name {
				t.Errorf("%s, %v", proto, err)
			}
			stranger := b.client.Clone()
			stranger.GetClientCertificate = nil
			for range 3 {
				if _, err := b.get(stranger); err == nil {
					t.Error("a client without a certificate was answered")
				}
			}
			plain, err := net.Dial("tcp", b.addr)
			testenv.Must(t, err)
			_, _ = io.WriteString(plain, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if answer, _ := io.ReadAll(plain); strings.Contains(string(answer), "hello") {
				t.Error("answered in plain text")
			}
			plain.Close()
			testenv.Eventually(t, time.Minute, func() error {
				if n := b.metric(t, "curfew_tls_handshakes_failed_total"); n != 4 {
					return errors.New("not all that failed are counted")
				}
				return nil
			})
			if text := b.log.String(); strings.Count(text, "handshakes failed") != 1 || !strings.Contains(text, "certificate") {
				t.Errorf("logged: %s", text)
			}
			if at := time.Unix(int64(b.metric(t, "curfew_tls_certificate_expiry_timestamp_seconds")), 0); time.Until(at) < 29*24*time.Hour || time.Until(at) > 31*24*time.Hour {
				t.Errorf("expires %v", at)
			}
		})
	}
}

// Who connects and says nothing holds nobody up: no other client, and not the end.
func TestSilentHandshake(t *testing.T) {
	for name, streaming := range map[string]bool{"Fiber": false, "net/http": true} {
		t.Run(name, func(t *testing.T) {
			ceiling.Of(t, time.Minute)
			b := openBooth(t, streaming)
			for range 50 {
				conn, err := net.Dial("tcp", b.addr)
				testenv.Must(t, err)
				defer conn.Close()
			}
			if _, err := b.get(b.client); err != nil {
				t.Error(err)
			}
			began := time.Now()
			b.end()
			testenv.Must(t, <-b.ended)
			if took := time.Since(began); took > 4*time.Second { // less than any timeout of a connection
				t.Errorf("took %v to end", took)
			}
		})
	}
}

func TestShieldSurvivesShortageOfDescriptors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	testenv.Must(t, devcerts.Make(dir, nil))
	shield, err := front.NewHandshakes("", prometheus.NewRegistry(), slog.New(slog.DiscardHandler)).
		Shield(tlsfiles.Files{Cert: devcerts.Cert(dir, "edge"), Key: devcerts.Key(dir, "edge")}, front.HTTP2)
	testenv.Must(t, err)
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	ln := shield.Listen(&short{raw, 3})
	defer ln.Close()
	go func() {
		_, _ = tls.Dial("tcp", raw.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{front.HTTP2}})
	}()
	accepted := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			conn.Close()
		}
		accepted <- err
	}()
	select {
	case err := <-accepted:
		testenv.Must(t, err)
	case <-time.After(time.Minute):
		t.Fatal("takes no connections any more")
	}
}
