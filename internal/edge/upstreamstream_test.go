package edge

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
)

// patience is a ceiling against hangs.
const patience = 30 * time.Second

// must waits for what a channel brings.
func must[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s: nothing after %v", what, patience)
	}
	return v
}

// Every event is there before the upstream knows the next.
func TestEventsComeAtOnce(t *testing.T) {
	events := make(chan int, 1)
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case e := <-events:
				fmt.Fprintf(w, "data: %d\n\n", e)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	events <- 0
	r := bufio.NewReader(send(t, http.MethodGet, base+"/events", nil, "").Body)
	for n := range 5 {
		if line, err := r.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", n) {
			t.Fatalf("%q, %v", line, err)
		}
		_, _ = r.ReadString('\n')
		events <- n + 1
	}
}

// The upstream has the first half of a body before the second one exists.
func TestBodiesStreamUp(t *testing.T) {
	got := make(chan string)
	base := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		half := make([]byte, 5)
		for range 2 {
			_, _ = io.ReadFull(r.Body, half)
			select {
			case got <- string(half):
			case <-r.Context().Done():
			}
		}
	})
	body, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		res, err := http.Post(base+"/", "text/plain", body)
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	for _, half := range []string{"first", "then."} {
		_, _ = io.WriteString(write, half)
		if seen := must(t, "the upstream", got); seen != half {
			t.Errorf("%q, want %q", seen, half)
		}
	}
	write.Close()
	if err := must(t, "the answer", done); err != nil {
		t.Error(err)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	g := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err == nil {
			fmt.Fprint(w, n)
		}
	}, func(c *config.Edge) { c.UpstreamMaxBody = 100_000 })
	for size, want := range map[int]int{100_000: 200, 100_001: 413, 5_000_000: 413} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(strings.Repeat("x", size))
			if chunked {
				body = struct{ io.Reader }{body}
			}
			res, err := http.Post(g.url+"/", "text/plain", body)
			if err != nil {
				if want == 200 {
					t.Errorf("%d, chunked %v: %v", size, chunked, err)
				}
				continue // hung up while the body was still coming
			}
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%d, chunked %v: %d, want %d", size, chunked, res.StatusCode, want)
			}
		}
	}
}

// A client that goes takes its request with it, whether the answer has begun
// or not, and is no fault of the upstream.
func TestAHangUpReachesTheUpstream(t *testing.T) {
	for _, begun := range []bool{false, true} {
		arrived, over := make(chan struct{}), make(chan struct{})
		g := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
			if begun {
				_ = http.NewResponseController(w).Flush()
			}
			close(arrived)
			<-r.Context().Done()
			close(over)
		}, nil)
		conn := dialGate(t, g)
		_, _ = io.WriteString(conn, "GET /wait HTTP/1.1\r\nHost: api\r\n\r\n")
		must(t, "the request", arrived)
		conn.Close()
		must(t, "its end", over)
	}
}

func dialGate(t *testing.T, g *gate) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// socket is an upstream that switches protocols and then echoes.
func socket(closed chan<- error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
		w.Header().Set("X-Seen-User", r.Header.Get("X-Curfew-User"))
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			closed <- err
			return
		}
		defer conn.Close()
		_ = buf.Flush()
		_, err = io.Copy(conn, buf)
		closed <- err
	}
}

const upgrade = "GET /socket HTTP/1.1\r\nHost: api\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"

// open switches the protocol and says one word.
func open(t *testing.T, g *gate) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn := dialGate(t, g)
	_, _ = io.WriteString(conn, upgrade+"X-Curfew-User: mallory\r\n\r\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("X-Seen-User") != "alice" || len(res.Header.Values("X-Request-Id")) != 1 {
		t.Fatalf("%v, %v", res, err)
	}
	for _, word := range []string{"hello", "again"} {
		_, _ = io.WriteString(conn, word)
		echo := make([]byte, len(word))
		if _, err := io.ReadFull(r, echo); err != nil || string(echo) != word {
			t.Fatalf("%q, %v", echo, err)
		}
	}
	return conn, r
}

func TestOtherProtocolsPass(t *testing.T) {
	closed := make(chan error, 1)
	g := serveWith(t, socket(closed), nil)
	conn, _ := open(t, g)
	conn.Close()
	_ = must(t, "the upstream's end", closed)
}

// A page of another origin opens no socket with our cookies.
func TestSocketsOfOtherPages(t *testing.T) {
	closed := make(chan error, 10)
	g := serveWith(t, socket(closed), nil)
	for header, want := range map[string]int{
		"Cookie: __Host-curfew-access=t\r\nSec-Fetch-Site: cross-site\r\n":                           403,
		"Cookie: __Host-curfew-access=t\r\nSec-Fetch-Site: same-site\r\n":                            403,
		"Cookie: __Host-curfew-refresh=t\r\nOrigin: https://evil.example\r\n":                        403,
		"Cookie: __Host-curfew-access=t\r\nOrigin: https://api\r\nSec-Fetch-Site: same-origin\r\n":   101,
		"Authorization: Bearer t\r\nOrigin: https://other.example\r\nSec-Fetch-Site: cross-site\r\n": 101,
	} {
		conn := dialGate(t, g)
		_, _ = io.WriteString(conn, upgrade+header+"\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != want {
			t.Errorf("%q: %v, %v, want %d", header, res, err, want)
		}
	}
}

func TestHTTP2(t *testing.T) {
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.Copy(w, r.Body)
		_ = http.NewResponseController(w).Flush() // no Content-Length: HTTP/1.1 has trailers only without
		_, _ = io.WriteString(w, " "+r.Proto)
		w.Header().Set("X-Sum", "42")
	}))
	upstream.EnableHTTP2 = true
	upstream.StartTLS()
	t.Cleanup(upstream.Close)
	g := serveTarget(t, upstream.URL, nil)
	g.proxy.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: upstream.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	two := &http.Transport{Protocols: new(http.Protocols)}
	two.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(two.CloseIdleConnections)
	for proto, client := range map[string]*http.Client{"HTTP/1.1": http.DefaultClient, "HTTP/2.0": {Transport: two}} {
		res, err := client.Post(g.url+"/", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.Proto != proto || string(body) != "body HTTP/2.0" || res.Trailer.Get("X-Sum") != "42" {
			t.Errorf("%s: %s %q %v %v", proto, res.Proto, body, res.Trailer, err)
		}
	}
}

func TestSlowUpstreamsAndClients(t *testing.T) {
	release := make(chan struct{})
	g := serveWith(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
	}, func(c *config.Edge) { c.UpstreamTimeout, c.UpstreamStall = 100*time.Millisecond, 500*time.Millisecond })
	t.Cleanup(func() { close(release) })
	if res := send(t, http.MethodGet, g.url+"/", nil, ""); res.StatusCode != http.StatusBadGateway {
		t.Errorf("an upstream that is slow: %d", res.StatusCode)
	}
	conn := dialGate(t, g)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 100\r\n\r\nsome")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a client that stops in its body: %v, %v", res, err)
	}
}

// A client that does not read its answer is cut, and the upstream with it.
func TestClientsMustRead(t *testing.T) {
	over := make(chan struct{})
	g := serveWith(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(over)
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}, func(c *config.Edge) { c.UpstreamStall = 200 * time.Millisecond })
	_, _ = io.WriteString(dialGate(t, g), "GET / HTTP/1.1\r\nHost: api\r\n\r\n")
	must(t, "the end", over)
}

// The pause of a stream is no stall, and its connection serves another request
// afterwards.
func TestStreamsMayPause(t *testing.T) {
	g := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for range 2 {
			_, _ = io.WriteString(w, "tick")
			_ = http.NewResponseController(w).Flush()
			<-time.After(550 * time.Millisecond) // longer than a stall
		}
	}, func(c *config.Edge) { c.UpstreamStall = 500 * time.Millisecond }) // also of a machine that does much else
	conn := dialGate(t, g)
	r := bufio.NewReader(conn)
	for range 2 {
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 4\r\n\r\nbody")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ticktick" {
			t.Errorf("%q, %v", body, err)
		}
	}
}

// What lasts ends when the edge stops; what does not may finish.
func TestStopping(t *testing.T) {
	closed, release, arrived := make(chan error, 1), make(chan struct{}), make(chan struct{}, 1)
	g := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/socket" {
			socket(closed)(w, r)
			return
		}
		arrived <- struct{}{}
		select {
		case <-release:
			_, _ = io.WriteString(w, "finished")
		case <-r.Context().Done():
		}
	}, func(c *config.Edge) { c.Staleness = 10 * time.Millisecond }) // watched soon
	_, r := open(t, g)
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get(g.url + "/slow")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	must(t, "the slow request", arrived)
	go g.stop()
	if _, err := r.ReadByte(); err == nil {
		t.Error("the socket goes on")
	}
	_ = must(t, "the socket's end", closed)
	close(release)
	if got := must(t, "the slow answer", answered); got != "finished" {
		t.Errorf("the slow request got %q", got)
	}
}

func TestMetricsCountWhatTheUpstreamAnswered(t *testing.T) {
	g := serveWith(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, nil)
	send(t, http.MethodGet, g.url+"/", nil, "")
	g.stop()
	if text := g.counted(t); !strings.Contains(text, "4xx") || strings.Contains(text, "2xx") {
		t.Error(text)
	}
}

// counted are the requests that are over, as the metrics have them.
func (g *gate) counted(t *testing.T) string {
	t.Helper()
	families, err := g.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "curfew_http_requests_total" {
			return f.String()
		}
	}
	return ""
}
