//go:build unix

package doors_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// lively is an application whose answers last.
func lively(t *testing.T) string {
	beat := func(w http.ResponseWriter, r *http.Request, text string) {
		for n := 0; r.Context().Err() == nil; n++ {
			fmt.Fprintf(w, text, n)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		beat(w, r, "data: %d\n\n")
	})
	mux.HandleFunc("/download", func(w http.ResponseWriter, r *http.Request) { beat(w, r, "line %d\n") })
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/upload", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	mux.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = buf.Flush()
		for {
			if _, err := io.WriteString(conn, "frame\n"); err != nil {
				return
			}
			<-time.After(10 * time.Millisecond)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// A line is a connection through the edge on which something lasts.
type line struct {
	net.Conn
	*bufio.Reader
}

func (l line) Read(b []byte) (int, error) { return l.Reader.Read(b) }

func openLine(t *testing.T, address, path, token string) line {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	testenv.Must(t, err)
	t.Cleanup(func() { conn.Close() })
	testenv.Must(t, conn.SetDeadline(time.Now().Add(patience)))
	head := "GET " + path
	more := ""
	switch path {
	case "/socket":
		more = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	case "/upload":
		head, more = "POST "+path, "Content-Length: 1000000\r\n"
	}
	_, err = io.WriteString(conn, head+" HTTP/1.1\r\nHost: app\r\nAuthorization: Bearer "+token+"\r\n"+more+"\r\n")
	testenv.Must(t, err)
	return line{conn, bufio.NewReader(conn)}
}

// firstLine is what the answer begins with; then it goes on for as long as the
// token is good.
func (l line) firstLine(t *testing.T, path string) {
	t.Helper()
	want := map[string]string{"/socket": "HTTP/1.1 101 Switching Protocols\r\n"}[path]
	if want == "" {
		want = "HTTP/1.1 200 OK\r\n"
	}
	if got, err := l.ReadString('\n'); err != nil || got != want {
		t.Fatalf("%s: %q, %v", path, got, err)
	}
}

// TestLive: what goes on under a token through the edge ends when its session
// is revoked, within B, and nothing else does.
func TestLive(t *testing.T) {
	w := newWorld(t)
	address := w.startEdge(t, passingTo(lively(t)))
	others := w.loginAs(t, w.cluster.Users[1])
	for _, path := range []string{"/events", "/download", "/socket", "/silent", "/upload"} {
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			token := w.login(t)
			mine, other := openLine(t, address, path, token), openLine(t, address, path, others)
			begun := path != "/silent" && path != "/upload"
			if begun {
				mine.firstLine(t, path)
				other.firstLine(t, path)
			}
			w.logout(t, token)
			revoked := time.Now()
			err := mine.awaitEnd(begun)
			if took := time.Since(revoked); err != nil || took > bound {
				t.Errorf("%v after the logout: %v", took, err)
			}
			if begun {
				if _, err := io.ReadFull(other, make([]byte, 1000)); err != nil {
					t.Errorf("somebody else's ended too: %v", err)
				}
				return
			}
			testenv.Must(t, other.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
			if b, err := other.ReadByte(); err == nil {
				t.Errorf("somebody else was answered too: %q", b)
			}
		})
	}
}

// awaitEnd reads until the connection ends: an answer that has begun breaks
// off, one that has not is a refusal.
func (l line) awaitEnd(begun bool) error {
	if begun {
		_, err := io.Copy(io.Discard, l)
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			return err
		}
		return nil
	}
	res, err := http.ReadResponse(l.Reader, nil)
	if err == nil && res.StatusCode != http.StatusUnauthorized {
		err = fmt.Errorf("answered %d", res.StatusCode)
	}
	return err
}
