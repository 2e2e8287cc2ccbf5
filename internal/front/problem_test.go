package front_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/front"
)

// newApp returns an application that logs to log and measures into its own registry.
func newApp(log io.Writer) (*fiber.App, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	handler := slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})
	return front.NewApp(front.AppConfig{Name: "test", Log: slog.New(handler), Registry: reg}), reg
}

type body struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

func do(t *testing.T, app *fiber.App, req *http.Request) *http.Response {
	t.Helper()
	res, err := app.Test(req, -1)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func read(t *testing.T, res *http.Response) (p body) {
	t.Helper()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return p
}

// The codes, their statuses and headers are part of CONTRACT.
func TestProblems(t *testing.T) {
	const invalid = `Bearer error="invalid_token"`
	for code, want := range map[string]struct {
		problem   *front.Problem
		status    int
		challenge string
		retry     string
	}{
		"token_missing":          {front.TokenMissing(), 401, "Bearer", ""},
		"token_malformed":        {front.TokenMalformed(), 401, invalid, ""},
		"token_invalid":          {front.TokenInvalid(), 401, invalid, ""},
		"token_expired":          {front.TokenExpired(), 401, invalid, ""},
		"token_revoked":          {front.TokenRevoked(), 401, invalid, ""},
		"token_refresh_required": {front.TokenRefreshRequired(), 401, invalid, ""},
		"forbidden":              {front.Forbidden(), 403, `Bearer error="insufficient_scope"`, ""},
		"freshness_unknown":      {front.FreshnessUnknown(), 503, "", "1"},
		"upstream_unavailable":   {front.UpstreamUnavailable(), 502, "", ""},
		"bad_request":            {front.BadRequest("x"), 400, "", ""},
		"invalid_credentials":    {front.InvalidCredentials(), 401, "Bearer", ""},
		"refresh_invalid":        {front.RefreshInvalid(), 401, "Bearer", ""},
		"refresh_reused":         {front.RefreshReused(), 401, "Bearer", ""},
		"session_ended":          {front.SessionEnded(), 401, "Bearer", ""},
		"unauthorized":           {front.Unauthorized(), 401, "Bearer", ""},
		"not_found":              {front.NotFound(), 404, "", ""},
		"session_limit":          {front.SessionLimit(), 409, "", ""},
		"account_locked":         {front.AccountLocked(90*time.Second + 1), 429, "", "91"},
		"too_many_requests":      {front.TooManyRequests(1500 * time.Millisecond), 429, "", "2"},
		"unavailable":            {front.Unavailable("x"), 503, "", "1"},
		"payload_too_large":      {front.PayloadTooLarge(), 413, "", ""},
		"headers_too_large":      {front.HeadersTooLarge(), 431, "", ""},
		"request_timeout":        {front.RequestTimeout(), 408, "", ""},
		"unsupported_media_type": {front.UnsupportedMediaType("x"), 415, "", ""},
		"method_not_allowed":     {front.MethodNotAllowed(), 405, "", ""},
		"internal":               {front.Internal(errors.New("s3cret")), 500, "", ""},
	} {
		t.Run(code, func(t *testing.T) {
			app, _ := newApp(io.Discard)
			app.Get("/", func(*fiber.Ctx) error { return want.problem.Because(errors.New("s3cret")) })
			res := do(t, app, httptest.NewRequest("GET", "/", nil))
			p := read(t, res)
			id := res.Header.Get("X-Request-Id")
			expect := body{"urn:curfew:problem:" + code, want.problem.Title, want.status, want.problem.Detail, code, id}
			if p != expect || res.StatusCode != want.status || id == "" || p.Title == "" {
				t.Errorf("%d, got %+v, want %+v", res.StatusCode, p, expect)
			}
			got := [...]string{
				res.Header.Get("WWW-Authenticate"), res.Header.Get("Retry-After"), res.Header.Get("Content-Type"),
				res.Header.Get("Cache-Control"), res.Header.Get("X-Content-Type-Options"),
			}
			if got != [...]string{complete(want.challenge, p.Title), want.retry, "application/problem+json", "no-store", "nosniff"} {
				t.Errorf("headers %q", got)
			}
		})
	}
}

// complete adds what every challenge has (RFC 6750 section 3).
func complete(challenge, title string) string {
	switch challenge {
	case "":
		return ""
	case "Bearer":
		return `Bearer realm="curfew"`
	}
	return challenge + `, error_description="` + title + `", realm="curfew"`
}

func TestUnauthorizedWithToken(t *testing.T) {
	app, _ := newApp(io.Discard)
	app.Get("/", func(*fiber.Ctx) error { return front.Unauthorized() })
	req := httptest.NewRequest("GET", "/", nil)
	req.Header.Set("Authorization", "Bearer wrong")
	if got := do(t, app, req).Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer error="invalid_token", `) {
		t.Error(got)
	}
}

// Whatever an error says stays inside.
func TestOtherErrorsBecomeProblems(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string
	}{
		{errors.New("s3cret"), "internal"},
		{fiber.NewError(404, "s3cret"), "not_found"},
		{fiber.NewError(405, "s3cret"), "method_not_allowed"},
		{fiber.NewError(408, "s3cret"), "request_timeout"},
		{fiber.NewError(413, "s3cret"), "payload_too_large"},
		{fiber.NewError(415, "s3cret"), "unsupported_media_type"},
		{fiber.NewError(431, "s3cret"), "headers_too_large"},
		{fiber.NewError(422, "s3cret"), "bad_request"},
		{fiber.NewError(500, "s3cret"), "internal"},
		{fiber.NewError(502, "s3cret"), "upstream_unavailable"},
		{fiber.NewError(503, "s3cret"), "unavailable"},
		{errors.Join(errors.New("s3cret"), front.TokenRevoked()), "token_revoked"},
	} {
		var log strings.Builder
		app, _ := newApp(&log)
		app.Get("/", func(*fiber.Ctx) error { return c.err })
		p := read(t, do(t, app, httptest.NewRequest("GET", "/", nil)))
		if p.Code != c.code || strings.Contains(p.Detail+p.Title, "s3cret") {
			t.Errorf("%v: got %+v, want %s", c.err, p, c.code)
		}
		if logged := strings.Contains(log.String(), "s3cret"); logged != (c.code == "internal") {
			t.Errorf("%v: cause logged: %v", c.err, logged)
		}
	}
}

func TestProblemIsAnError(t *testing.T) {
	cause := errors.New("cause")
	err := error(front.Unavailable("no store").Because(cause))
	if !errors.Is(err, cause) || err.Error() != "unavailable: no store: cause" {
		t.Error(err)
	}
}
