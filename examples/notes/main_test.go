package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
	"github.com/curfew-auth/curfew/internal/up"
)

func do(t *testing.T, method, url, token, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	testenv.Must(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	testenv.Must(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	testenv.Must(t, err)
	return res, string(got)
}

// What the README shows, on a cluster in this process.
func TestNotes(t *testing.T) {
	ceiling.Of(t, 4*time.Minute)
	c, err := up.Start(t.Context(), up.Options{Edges: 1, Log: slog.New(slog.DiscardHandler)})
	testenv.Must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	g, err := guard.New(context.Background(), guard.Config{
		ID: "notes", NATSURL: c.NATSURL, RedisURL: c.RedisURL, Issuer: c.IssuerURL, Audience: "curfew",
	})
	testenv.Must(t, err)
	t.Cleanup(g.Close)
	testenv.Eventually(t, 30*time.Second, g.Ready)
	api := httptest.NewServer(routes(g))
	t.Cleanup(api.Close)

	_, body := do(t, "POST", c.IssuerURL+"/v1/login", "", fmt.Sprintf(`{"username":%q,"password":%q}`, c.Users[0].Username, c.Users[0].Password))
	var pair struct {
		AccessToken string `json:"access_token"`
	}
	testenv.Must(t, json.Unmarshal([]byte(body), &pair))
	token := pair.AccessToken
	for _, call := range []struct {
		method, token, body string
		status              int
		want                string
	}{
		{"GET", "", "", 401, "token_missing"},
		{"GET", token, "", 200, "[]"},
		{"POST", token, "buy milk", 201, ""},
		{"POST", token, "", 400, ""},
		{"POST", token, strings.Repeat("x", maxNote+1), 400, ""},
		{"GET", token, "", 200, "buy milk"},
		{"DELETE", token, "", 204, ""},
		{"GET", token, "", 200, "[]"},
	} {
		res, got := do(t, call.method, api.URL+"/notes", call.token, call.body)
		if res.StatusCode != call.status || !strings.Contains(got, call.want) {
			t.Errorf("%s: %d %s, want %d %s", call.method, res.StatusCode, got, call.status, call.want)
		}
	}
	go func() {
		req, _ := http.NewRequest("POST", c.IssuerURL+"/v1/logout", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	// It may begin before the logout or after.
	if res, got := do(t, "GET", api.URL+"/clock", token, ""); !strings.Contains(got, "token_revoked") {
		t.Errorf("the clock: %d %s", res.StatusCode, got)
	}
	if res, got := do(t, "DELETE", api.URL+"/notes", token, ""); res.StatusCode != 401 || !strings.Contains(got, "token_revoked") {
		t.Errorf("after the logout: %d %s", res.StatusCode, got)
	}
}
