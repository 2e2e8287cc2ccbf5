package config_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
)

var opsHash = config.HashToken("an operator's token, which is random")

func TestAdmins(t *testing.T) {
	file := write(t, "c.yaml", "admins:\n  - name: ops\n    token_sha256: "+opsHash+"\n    roles: [read, revoke]\n    tenant: acme\n")
	flow := `[{"name":"ops","token_sha256":"` + opsHash + `","roles":["read","revoke"],"tenant":"acme"}]`
	for name, c := range map[string]struct{ args, env []string }{
		"file":        {args: []string{"--config", file}},
		"environment": {env: []string{"CURFEW_ADMINS=" + flow}},
	} {
		var got config.Issuer
		if err := run(t, &got, c.args, issuerEnv(t, c.env...)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a := got.Admins; len(a) != 1 || a[0].Name != "ops" || a[0].TokenSHA256 != opsHash || len(a[0].Roles) != 2 || a[0].Tenant != "acme" {
			t.Errorf("%s: %+v", name, a)
		}
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(handler(&b)).Info("x", "config", got)
			if text := b.String(); strings.Contains(text, opsHash) || !strings.Contains(text, "ops") {
				t.Errorf("logged: %s", text)
			}
		}
	}
}

func TestBadAdmins(t *testing.T) {
	entry := func(name, hash, roles, tenant string) string {
		return "{name: " + name + ", token_sha256: '" + hash + "', roles: [" + roles + "], tenant: '" + tenant + "'}"
	}
	good := entry("ops", opsHash, "read", "")
	for text, want := range map[string]string{
		"x":                                   "want a list",
		"{a: b}":                              "want a list",
		"[1]":                                 "want a list",
		"[{who: x}]":                          "want a list",
		"[" + good + "]\n---\n[" + good + "]": "want one list",
		"[" + entry("Ops", opsHash, "read", "") + "]":                            "number 1: name: want",
		"[" + entry("admin", opsHash, "read", "") + "]":                          "number 1: name: taken",
		"[" + good + "," + entry("ops", config.HashToken("2"), "read", "") + "]": "number 2: name: taken",
		"[" + good + "," + entry("two", opsHash, "read", "") + "]":               "number 2: token_sha256: two admins",
		"[" + entry("ops", config.HashToken(goodToken), "read", "") + "]":        "token_sha256: two admins",
		"[" + entry("ops", goodToken, "read", "") + "]":                          "token_sha256: want 64 hex digits",
		"[" + entry("ops", opsHash, "", "") + "]":                                "roles: want some of",
		"[" + entry("ops", opsHash, "read, root", "") + "]":                      "roles: want some of",
		"[" + entry("ops", opsHash, "keys", "acme") + "]":                        "keys belong to no tenant",
	} {
		err := run(t, &config.Issuer{}, nil, issuerEnv(t, "CURFEW_ADMINS="+text))
		if err == nil || !strings.HasPrefix(err.Error(), "CURFEW_ADMINS: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), goodToken) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
	for text, want := range map[string]string{"admins: ops": "admins: want a list", "admins:": "admins: has no value", "admins: {a: b}": "admins: want a single value"} {
		err := run(t, &config.Issuer{}, []string{"--config", write(t, "c.yaml", text)}, issuerEnv(t))
		if err == nil || !strings.Contains(err.Error(), "c.yaml:1: "+want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCheckToken(t *testing.T) {
	for token, good := range map[string]bool{
		"": false, goodToken: true, goodToken[:31]: false, goodToken + " ": false, strings.Repeat("a", 4097): false,
	} {
		if err := config.CheckToken(token); (err == nil) != good || err != nil && token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("%d characters: %v", len(token), err)
		}
	}
}
