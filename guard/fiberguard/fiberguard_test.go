package fiberguard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/guard/fiberguard"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
	"github.com/curfew-auth/curfew/internal/up"
)

const patience = 30 * time.Second // of any wait

// start brings up a cluster, a guard beside it, and logs in.
func start(t *testing.T) (g *guard.Guard, issuer, access string) {
	t.Helper()
	ceiling.Of(t, 4*time.Minute)
	c, err := up.Start(t.Context(), up.Options{Edges: 1, Log: slog.New(slog.DiscardHandler)})
	testenv.Must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	g, err = guard.New(context.Background(), guard.Config{
		ID: "api", NATSURL: c.NATSURL, RedisURL: c.RedisURL, Issuer: c.IssuerURL, Audience: "curfew",
	})
	testenv.Must(t, err)
	t.Cleanup(g.Close)
	testenv.Eventually(t, patience, g.Ready)
	body := fmt.Sprintf(`{"username":%q,"password":%q}`, c.Users[0].Username, c.Users[0].Password)
	res, err := http.Post(c.IssuerURL+"/v1/login", "application/json", strings.NewReader(body))
	testenv.Must(t, err)
	defer res.Body.Close()
	var pair struct {
		AccessToken string `json:"access_token"`
	}
	testenv.Must(t, json.NewDecoder(res.Body).Decode(&pair))
	return g, c.IssuerURL, pair.AccessToken
}

func call(t *testing.T, app *fiber.App, path string, authorization ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://api"+path, nil)
	testenv.Must(t, err)
	req.Header["Authorization"] = authorization
	res, err := app.Test(req, -1)
	testenv.Must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	testenv.Must(t, err)
	return res, string(body)
}

func TestFiber(t *testing.T) {
	g, issuer, access := start(t)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	hello := func(c *fiber.Ctx) error {
		id, ok := fiberguard.Identity(c)
		return c.SendString(fmt.Sprint("hello ", id.UserID, ok))
	}
	ended := make(chan error, 1)
	app.Get("/open", fiberguard.RequireRoles(), hello)
	app.Use(fiberguard.New(g))
	app.Get("/", hello)
	app.Get("/root", fiberguard.RequireRoles("root"), hello)
	app.Get("/scoped", fiberguard.RequireScope("pay"), hello)
	app.Get("/strict", fiberguard.New(g, guard.WithMode(guard.Strict)), hello)
	app.Get("/live", fiberguard.New(g, guard.Live()), func(c *fiber.Ctx) error {
		req, _ := http.NewRequest(http.MethodPost, issuer+"/v1/logout", nil)
		req.Header.Set("Authorization", "Bearer "+access)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		<-c.UserContext().Done()
		ended <- context.Cause(c.UserContext())
		return nil
	})
	app.Post("/", hello)
	for site, want := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 200} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			req, err := http.NewRequestWithContext(t.Context(), method, "http://api.example/", nil)
			testenv.Must(t, err)
			req.Header.Set("Cookie", guard.AccessCookie+"="+access)
			req.Header.Set("Sec-Fetch-Site", site)
			if method == http.MethodGet { // a WebSocket
				req.Header.Set("Upgrade", "websocket")
			}
			res, err := app.Test(req, -1)
			testenv.Must(t, err)
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s from a page %s: %d", method, site, res.StatusCode)
			}
		}
	}
	for _, c := range []struct {
		path, authorization, code, challenge string
		status                               int
	}{
		{"/", "Bearer " + access, "hello", "", 200},
		{"/strict", "Bearer " + access, "hello", "", 200},
		{"/", "", "token_missing", "Bearer", 401},
		{"/open", "Bearer " + access, "token_missing", "Bearer", 401},
		{"/", "Bearer x.y", "token_malformed", `Bearer error="invalid_token"`, 401},
		{"/root", "Bearer " + access, "forbidden", "", 403},
		{"/scoped", "Bearer " + access, "forbidden", `Bearer error="insufficient_scope", scope="pay"`, 403},
		{"/live", "Bearer " + access, "", "", 200},
		{"/strict", "Bearer " + access, "token_revoked", `Bearer error="invalid_token"`, 401},
		{"/", "Bearer " + access, "token_revoked", `Bearer error="invalid_token"`, 401},
	} {
		var headers []string
		if c.authorization != "" {
			headers = []string{c.authorization}
		}
		res, body := call(t, app, c.path, headers...)
		if res.StatusCode != c.status || !strings.Contains(body, c.code) || res.Header.Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: %d %q %s, want %d %s", c.path, res.StatusCode, res.Header.Get("WWW-Authenticate"), body, c.status, c.code)
		}
	}
	if err := <-ended; guard.RefusalOf(err).Code != "token_revoked" {
		t.Errorf("the live request ended with %v", err)
	}
	res, _ := call(t, app, "/", "Bearer "+access, "Bearer "+access)
	if res.StatusCode != 401 {
		t.Errorf("two tokens: %d", res.StatusCode)
	}
}
