package apiclient

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func serve(t *testing.T, answer http.HandlerFunc) *Client {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c := New(server.URL+"/", "test", nil)
	c.Bearer = "the-admin-token"
	return c
}

// TestProblem reads refusals of every form, and names who refused.
func TestProblem(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":"unavailable","title":"Not now","detail":"the store"}`:             "unavailable: Not now: the store (try again in 7s)",
		`{"error":"temporarily_unavailable","error_description":"the store rests"}`: "temporarily_unavailable: the store rests",
		`{"code":"a\u001b[2Jb","title":"c\u202ed"}`:                                 "a[2Jb: cd",
		`<html>`: "no reason",
		`null`:   "no reason",
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(body))
		})
		_, err := c.Keys(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestBounds: an answer that does not end is not read to its end.
func TestBounds(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		part := []byte(strings.Repeat(" ", 1<<20))
		for {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	if _, err := c.Keys(t.Context()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("error %v", err)
	}
}

// TestRedirect: the token goes to no other place.
func TestRedirect(t *testing.T) {
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked with %q", r.Header.Get("Authorization")) })
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.Issuer+r.URL.Path, http.StatusTemporaryRedirect)
	})
	if _, err := c.Revoke(t.Context(), Revocation{Scope: "all"}, Wait{For: "confirmed", Timeout: time.Second}); err == nil {
		t.Error("no error")
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPatience: no wait is given up while the issuer may still answer it, which
// without a timeout takes as long as its staleness bound, a minute at most. What
// waits for nothing is given up sooner.
func TestPatience(t *testing.T) {
	for _, w := range []struct {
		Wait
		takes time.Duration
		good  bool
	}{
		{Wait{}, 20 * time.Second, true},
		{Wait{}, 61 * time.Second, false},
		{Wait{For: "commit"}, 61 * time.Second, false},
		{Wait{For: "confirmed", Timeout: 80 * time.Second}, 81 * time.Second, true},
		{Wait{For: "enforced"}, 61 * time.Second, true},
		{Wait{For: "enforced"}, time.Hour, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := New("http://issuer.test", "test", nil)
			c.HTTP.Transport = transport(func(r *http.Request) (*http.Response, error) {
				select {
				case <-r.Context().Done():
					return nil, r.Context().Err()
				case <-time.After(w.takes):
				}
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}"))}, nil
			})
			_, revoked := c.Revoke(t.Context(), Revocation{Scope: "all"}, w.Wait)
			_, ended := c.Logout(t.Context(), "cfr_", w.Wait)
			if (revoked == nil) != w.good || (ended == nil) != w.good {
				t.Errorf("%+v, answered after %v: %v, %v", w.Wait, w.takes, revoked, ended)
			}
		})
	}
}

// TestEventsEnd: a stream that is none, too large or broken ends with an error.
func TestEventsEnd(t *testing.T) {
	for name, c := range map[string]struct{ kind, body string }{
		"not a stream": {"application/json", "{}"},
		"not JSON":     {"text/event-stream", "event: login\ndata: {\n\n"},
		"too large":    {"text/event-stream", "event: login\ndata: " + strings.Repeat("a", maxEvent+10) + "\n\n"},
		"ends":         {"text/event-stream", "id: 1\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				_, _ = w.Write([]byte(c.body))
			})
			var last error
			for e, err := range client.Events(t.Context(), EventFilter{}, "") {
				if last = err; err == nil && e.Kind != "" {
					t.Errorf("an event: %+v", e)
				}
			}
			if last == nil {
				t.Error("no error at the end")
			}
		})
	}
}
