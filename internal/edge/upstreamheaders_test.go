package edge

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
)

// What a trusted proxy says of the client is continued; what anybody else says
// is dropped, in every spelling.
func TestForwardedHeaders(t *testing.T) {
	for trusted, want := range map[string]map[string]string{
		"127.0.0.0/8": {"X-Forwarded-For": "1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1", "X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/shop", "X-Real-Ip": "1.1.1.1"},
		"10.0.0.0/8":  {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"},
	} {
		got := make(chan http.Header, 1)
		g := serveWith(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header },
			func(c *config.Edge) { c.TrustedProxies = trusted })
		send(t, http.MethodGet, g.url+"/", http.Header{
			"X-Forwarded-For": {"1.1.1.1, 2.2.2.2", "3.3.3.3"}, "X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Proto": {"https"},
			"X-Forwarded-Prefix": {"/shop"}, "X-Real-Ip": {"1.1.1.1"}, "Forwarded": {"for=1.1.1.1"},
			"X_forwarded_for": {"6.6.6.6"}, "X_forwarded-Host": {"evil"}, "X.forwarded.proto": {"evil"}, "X_real_ip": {"6.6.6.6"},
		}, "")
		h := <-got
		if trusted == "10.0.0.0/8" {
			want["X-Forwarded-Host"] = g.address
		}
		for name, values := range h {
			if isForwarded(name) && strings.Join(values, "|") != want[name] {
				t.Errorf("from %s: %s is %q, want %q", trusted, name, values, want[name])
			}
			if isForwarded(name) {
				delete(want, name)
			}
		}
		if len(want) > 0 {
			t.Errorf("from %s: no %v", trusted, want)
		}
	}
}

// A connection to the upstream that speaks HTTP/2 or TLS would carry requests
// that nobody decides about.
func TestNoOtherHTTPToTheUpstream(t *testing.T) {
	got := make(chan http.Header, 1)
	g := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		if r.Header.Get("X-Eager") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", r.Header.Get("X-Eager"))
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
	}, nil)
	for _, offer := range []string{
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c", "Connection: Upgrade\r\nUpgrade: h2c", "connection: upgrade\r\nupgrade: H2C",
		"Connection: Upgrade\r\nUpgrade: websocket, h2c", "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c",
		"Connection: Upgrade\r\nUpgrade: HTTP/2.0", "Connection: Upgrade\r\nUpgrade:\tTLS/1.0", "Connection: Upgrade\r\nUpgrade: ,h2c",
	} {
		for _, eager := range []string{"", "X-Eager: h2c\r\n"} { // who switches unasked is cut off
			conn := dialGate(t, g)
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: api\r\n"+offer+"\r\nHTTP2-Settings: AAMAAABk\r\n"+eager+"\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if switched := err == nil && res.StatusCode != http.StatusOK; switched || err != nil && eager == "" {
				t.Errorf("%q, %q: %v, %v", offer, eager, res, err)
			}
			if h := <-got; h.Get("Upgrade") != "" || h.Get("Connection") != "" || h.Get("Http2-Settings") != "" {
				t.Errorf("%q: the upstream was offered %q", offer, h)
			}
		}
	}
}

// Trailers of a request do not pass, so they are not announced either.
func TestNoTrailersToTheUpstream(t *testing.T) {
	got := make(chan http.Header, 1)
	g := serveWith(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer
	}, nil)
	conn := dialGate(t, g)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\nTrailer: X-Curfew-User\r\n\r\n1\r\na\r\n0\r\nX-Curfew-User: mallory\r\n\r\n")
	if trailer := <-got; len(trailer) > 0 {
		t.Errorf("the upstream got %q", trailer)
	}
}

// The token is the API's only where it is to have it.
func TestStripAuthorization(t *testing.T) {
	for _, strip := range []bool{false, true} {
		got := make(chan http.Header, 1)
		g := serveWith(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }, func(c *config.Edge) { c.StripAuthorization = strip })
		send(t, http.MethodGet, g.url+"/", http.Header{"Authorization": {"Bearer token"}, "X-Other": {"kept"}}, "").Body.Close()
		h := <-got
		if h.Get("X-Other") != "kept" || h.Get("X-Curfew-User") != "alice" || (h.Get("Authorization") == "") != strip {
			t.Errorf("strip %v: the API got %v", strip, h)
		}
	}
}
