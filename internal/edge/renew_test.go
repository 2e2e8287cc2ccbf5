package edge

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
)

// renewerAt asks an issuer that answers as handler does.
func renewerAt(t *testing.T, handler http.HandlerFunc) *renewer {
	t.Helper()
	ceiling.Of(t, hangs)
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return newRenewer(s.URL+"/v1/refresh", nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
}

const goodGrant = `{"access_token":"a","refresh_token":"r2","refresh_expires_in":60,"new":"field"}`

func TestExchange(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		body, code string // code of a refusal, or "?" for a failure
	}{
		"grant":        {200, goodGrant, ""},
		"ended":        {401, `{"code":"session_ended"}`, "session_ended"},
		"reused":       {401, `{"code":"refresh_reused"}`, "refresh_reused"},
		"invalid":      {401, `{"code":"refresh_invalid"}`, "refresh_invalid"},
		"unknown 401":  {401, `{"code":"something_new"}`, "refresh_invalid"},
		"401, no JSON": {401, `<html>`, "?"},
		"empty":        {200, `{}`, "?"},
		"no refresh":   {200, `{"access_token":"a","refresh_expires_in":60}`, "?"},
		"no lifetime":  {200, `{"access_token":"a","refresh_token":"r"}`, "?"},
		"endless":      {200, `{"x":"` + strings.Repeat("x", maxGrant) + `"}`, "?"},
		"unavailable":  {503, `{"code":"unavailable"}`, "?"},
		"redirect":     {307, goodGrant, "?"},
	} {
		r := renewerAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		pair, err := r.renew("cfr_secret", http.Header{})
		code := ""
		if p, ok := errors.AsType[*front.Problem](err); ok {
			code = p.Code
		} else if err != nil {
			code = "?"
		}
		if code != c.code || (pair == front.Pair{Access: "a", Refresh: "r2", Lifetime: time.Minute}) != (c.code == "") {
			t.Errorf("%s: %+v, %v", name, pair, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error repeats the token: %v", name, err)
		}
	}
}

// An answering issuer answers when the test lets it.
type answering struct {
	asked atomic.Int32
	gate  chan struct{}
}

func (a *answering) RoundTrip(*http.Request) (*http.Response, error) {
	a.asked.Add(1)
	<-a.gate
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(goodGrant))}, nil
}

// TestRenewalsAreShared: as long as one exchange is under way, all requests
// with its token wait for it, and no others.
func TestRenewalsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := &answering{gate: make(chan struct{})}
		r := newRenewer("http://issuer/v1/refresh", nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		r.client.Transport = issuer
		var running sync.WaitGroup
		for n := range 100 {
			running.Go(func() {
				if _, err := r.renew([]string{"one", "two"}[n%2], http.Header{}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // until all wait
		close(issuer.gate)
		running.Wait()
		if n := issuer.asked.Load(); n != 2 {
			t.Errorf("the issuer was asked %d times for two tokens", n)
		}
	})
}

// TestRenewalsOfDevices: what one device is told is no answer for another, or
// whoever has the token of a bound session could wait for its device to ask.
func TestRenewalsOfDevices(t *testing.T) {
	asked, gate := make(chan string, 2), make(chan struct{})
	r := renewerAt(t, func(w http.ResponseWriter, req *http.Request) {
		asked <- req.Header.Get(headerDevice)
		<-gate
		_, _ = io.WriteString(w, goodGrant)
	})
	var running sync.WaitGroup
	late := time.After(renewTimeout / 2) // both exchanges are still under way
	for _, device := range []string{"laptop", ""} {
		running.Go(func() {
			_, _ = r.renew("one", http.Header{headerDevice: {device}})
		})
		select {
		case <-asked:
		case <-late:
			t.Errorf("device %q was not asked about", device)
		}
	}
	close(gate)
	running.Wait()
}

// A hanging connection never answers.
type hanging struct{ asked atomic.Int32 }

func (h *hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	h.asked.Add(1)
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestAnIssuerThatHangs costs a bounded time, and after some failures none.
func TestAnIssuerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := &hanging{}
		r := newRenewer("http://issuer/v1/refresh", nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		r.client.Transport = hang
		fail := func(token string, within time.Duration) {
			start := time.Now()
			if _, err := r.renew(token, http.Header{}); err == nil || answered(err) || time.Since(start) > within {
				t.Errorf("got %v after %s", err, time.Since(start))
			}
			synctest.Wait() // the exchange itself, too, has ended
		}
		for n := range renewFailures {
			fail(strings.Repeat("x", n), renewTimeout)
		}
		fail("while it is open", 0)
		if n := hang.asked.Load(); n != renewFailures {
			t.Errorf("the issuer was asked %d times", n)
		}
		time.Sleep(renewRest + time.Millisecond)
		fail("after the rest", renewTimeout)
		if n := hang.asked.Load(); n != renewFailures+1 {
			t.Errorf("the issuer was asked %d times", n)
		}
	})
}

// TestWhatTheIssuerHears: of a client's request only what is meant for it.
func TestWhatTheIssuerHears(t *testing.T) {
	heard := make(chan http.Header, 1)
	e := &Edge{origins: front.Origins{}, renewer: renewerAt(t, func(w http.ResponseWriter, r *http.Request) {
		heard <- r.Header
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"code":"session_ended"}`)
	})}
	res := ask(t, e, guard.Identity{}, front.TokenExpired(), http.Header{
		"Cookie": {front.RefreshCookie + "=r; x=y"}, "User-Agent": {"browser"}, "X-Curfew-Device": {"d-1"}, "X-Curfew-User": {"mallory"},
		"X-Forwarded-For": {"192.0.2.7, 192.0.2.8"}, "X-Real-Ip": {"192.0.2.9"}, "X-Curfew-Tenant": {"acme"}, "Forwarded": {"for=192.0.2.9"},
	})
	if res.StatusCode != 401 || len(res.Header.Values("Set-Cookie")) != 2 {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	h := <-heard
	if h.Get("X-Request-Id") == "" {
		t.Error("no request id")
	}
	for _, ours := range []string{"Accept-Encoding", "Content-Length", "X-Request-Id"} {
		h.Del(ours)
	}
	want := map[string]string{
		"Content-Type": "application/json", "User-Agent": "browser", "X-Curfew-Device": "d-1",
		"X-Forwarded-For": "192.0.2.7, 192.0.2.8, 0.0.0.0", // as a proxy appends its peer
	}
	for name := range h {
		if strings.Join(h.Values(name), "|") != want[name] {
			t.Errorf("the issuer heard %s %q, want %q", name, h.Values(name), want[name])
		}
	}
	if len(h) != len(want) {
		t.Errorf("heard %v", h)
	}
}

// TestWhoseRequestsAreRenewed: only what a browser sends with its cookies, and
// for no page of another site.
func TestWhoseRequestsAreRenewed(t *testing.T) {
	var asked atomic.Int32
	e := &Edge{origins: front.ParseOrigins("https://app.example"), renewer: renewerAt(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"code":"session_ended"}`)
	})}
	for _, c := range []struct {
		name, value string
		want        int32
	}{
		{"User-Agent", "an old browser", 1},
		{"Sec-Fetch-Site", "none", 1},
		{"Sec-Fetch-Site", "same-origin", 1},
		{"Sec-Fetch-Site", "same-site", 1},
		{"Sec-Fetch-Site", "cross-site", 0},
		{"Origin", "https://app.example", 1},
		{"Origin", "https://evil.example", 0},
		{"Authorization", "Bearer its-own", 0},
	} {
		asked.Store(0)
		ask(t, e, guard.Identity{}, front.TokenExpired(), http.Header{"Cookie": {front.RefreshCookie + "=r"}, c.name: {c.value}})
		if got := asked.Load(); got != c.want {
			t.Errorf("%s %s: the issuer was asked %d times, want %d", c.name, c.value, got, c.want)
		}
	}
}

// TestRenewalThatFails: a token that is good passes, one that is not is not
// taken for a session that is over.
func TestRenewalThatFails(t *testing.T) {
	near := guard.Identity{UserID: "alice", ExpiresAt: time.Now().Add(30 * time.Second)}
	far := guard.Identity{UserID: "alice", ExpiresAt: time.Now().Add(time.Hour)}
	for _, c := range []struct {
		name   string
		id     guard.Identity
		err    error
		answer string // of the issuer, with its status
		status int
		asked  bool
	}{
		{"near its end, issuer fails", near, nil, "503{}", 200, true},
		{"near its end, no such token", near, nil, `401{"code":"refresh_invalid"}`, 200, true},
		{"near its end, session over", near, nil, `401{"code":"session_ended"}`, 401, true},
		{"near its end, reused", near, nil, `401{"code":"refresh_reused"}`, 401, true},
		{"far from its end", far, nil, "503{}", 200, false},
		{"missing", guard.Identity{}, front.TokenMissing(), "503{}", 503, true},
		{"expired", guard.Identity{}, front.TokenExpired(), "503{}", 503, true},
		{"of a lost key", guard.Identity{}, front.TokenInvalid(), "503{}", 503, true},
		{"malformed", guard.Identity{}, front.TokenMalformed(), "503{}", 401, false},
		{"revoked", guard.Identity{}, front.TokenRevoked(), "200" + goodGrant, 401, false},
		{"unknown", guard.Identity{}, front.FreshnessUnknown(), "200" + goodGrant, 503, false},
	} {
		var asked atomic.Bool
		e := &Edge{config: config.Edge{RenewBefore: time.Minute}, origins: front.Origins{}, renewer: renewerAt(t, func(w http.ResponseWriter, _ *http.Request) {
			asked.Store(true)
			w.WriteHeader(map[string]int{"200": 200, "401": 401, "503": 503}[c.answer[:3]])
			_, _ = io.WriteString(w, c.answer[3:])
		})}
		res := ask(t, e, c.id, c.err, http.Header{"Cookie": {front.RefreshCookie + "=r"}})
		if res.StatusCode != c.status || asked.Load() != c.asked {
			t.Errorf("%s: %d, asked %v", c.name, res.StatusCode, asked.Load())
		}
		if cleared := len(res.Header.Values("Set-Cookie")) > 0; cleared != (c.asked && c.status == 401) {
			t.Errorf("%s: cookies %q", c.name, res.Header.Values("Set-Cookie"))
		}
	}
}

// TestRenewalOfAnotherDevice: opening a page, which names no device, does not
// cost a browser the cookies of a session that is bound to one.
func TestRenewalOfAnotherDevice(t *testing.T) {
	for _, c := range []struct {
		device, answer string
		cleared        bool
	}{
		{"", "refresh_invalid", false},
		{"d-1", "refresh_invalid", true},
		{"", "session_ended", true},
	} {
		e := &Edge{origins: front.Origins{}, renewer: renewerAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"code":"`+c.answer+`"}`)
		})}
		header := http.Header{"Cookie": {front.RefreshCookie + "=r"}}
		if c.device != "" {
			header.Set(headerDevice, c.device)
		}
		res := ask(t, e, guard.Identity{}, front.TokenExpired(), header)
		if got := len(res.Header.Values("Set-Cookie")) > 0; res.StatusCode != 401 || got != c.cleared {
			t.Errorf("%+v: %d, cookies %q", c, res.StatusCode, res.Header.Values("Set-Cookie"))
		}
	}
}

// ask sends a request to an edge that has found id and err.
func ask(t *testing.T, e *Edge, id guard.Identity, err error, header http.Header) *http.Response {
	t.Helper()
	app := front.NewApp(front.AppConfig{Name: "test", Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	app.Get("/", func(c *fiber.Ctx) error {
		_, err := e.renewed(c, admission{id: id}, err)
		return err
	})
	req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for name, values := range header {
		req.Header[name] = values
	}
	res, failure := app.Test(req, -1)
	if failure != nil {
		t.Fatal(failure)
	}
	return res
}
