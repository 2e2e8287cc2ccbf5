package config_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/config"
)

func TestSecretFromFile(t *testing.T) {
	path := write(t, "token", "s3cret \n\n")
	yaml := write(t, "c.yaml", "token_file: "+path)
	for name, c := range map[string]struct{ args, env []string }{
		"flag": {args: []string{"--token-file", path}},
		"env":  {env: []string{"CURFEW_TOKEN_FILE=" + path}},
		"yaml": {args: []string{"--config", yaml}},
	} {
		var got sample
		if err := run(t, &got, c.args, c.env); err != nil || got.Token != "s3cret \n" {
			t.Errorf("%s: %q, %v; want one newline trimmed", name, got.Token, err)
		}
	}
}

func TestSecretFromFileWins(t *testing.T) {
	var got sample
	higher, lower := write(t, "a", "a\r\n"), write(t, "b", "b")
	if err := run(t, &got, []string{"--link-file", higher}, []string{"CURFEW_LINK_FILE=" + lower}); err != nil || got.Link != "a" {
		t.Errorf("got %q, %v", got.Link, err)
	}
}

func TestBadSecretFile(t *testing.T) {
	for content, want := range map[string]string{"": "is empty", "\n": "is empty", strings.Repeat("x", 64<<10+1): "is larger than 65536 bytes"} {
		err := run(t, &sample{}, []string{"--token-file", write(t, "token", content)}, nil)
		if err == nil || !strings.Contains(err.Error(), "--token-file: the file "+want) {
			t.Errorf("%d bytes: %v, want %q", len(content), err, want)
		}
	}
}

func TestValueAndFileIsAnError(t *testing.T) {
	path := write(t, "token", "x")
	for name, c := range map[string]struct{ args, env []string }{
		"env":         {env: []string{"CURFEW_TOKEN=y", "CURFEW_TOKEN_FILE=" + path}},
		"env, flag":   {env: []string{"CURFEW_TOKEN=y"}, args: []string{"--token-file", path}},
		"yaml":        {args: []string{"--config", write(t, "c.yaml", "token: y\ntoken_file: "+path)}},
		"flag, flags": {args: []string{"--link=y", "--link-file", path}},
	} {
		if err := run(t, &sample{}, c.args, c.env); err == nil || !strings.Contains(err.Error(), "not both") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRedactURL(t *testing.T) {
	for in, want := range map[string]string{
		"redis://:hunter2@h:6379/0":             "redis://xxxxx@h:6379/0",
		"redis://u:hunter2@h":                   "redis://xxxxx@h",
		"nats://hunter2@h":                      "nats://xxxxx@h",
		"nats://a:hunter2@h1,nats://b:hunter2@": "nats://xxxxx@h1,nats://xxxxx@",
		"nats://a:hun,ter2@h1":                  "nats://xxxxx@h1",
		"redis://:hun@ter/2@h/0":                "redis://xxxxx@h/0",
		"u:hunter2@h":                           "xxxxx@h",
		"u:hunter2@h,nats://h":                  "xxxxx@h,nats://h",
		"redis://h?password=hunter2&db=1":       "redis://h?password=xxxxx&db=1",
		"redis://h/0":                           "redis://h/0",
		"":                                      "",
	} {
		if got := config.RedactURL(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// Passwords must not come out of any error, whatever is wrong with the URL.
func TestErrorsKeepPasswords(t *testing.T) {
	for _, url := range []string{
		"redis://:hunter2@", "redis://:hun%zzter2@h", "redis://:hunter2@h:port", "http://:hunter2@h", ":hunter2@h",
		"redis://:hunter2\x01@h", "hunter2://:hunter2@h/hunter2@x",
	} {
		var cfg config.Edge
		for _, setting := range []string{"REDIS_URL", "NATS_URL", "UPSTREAM", "JWKS_URL", "ISSUER_URL"} {
			err := run(t, &cfg, nil, []string{"CURFEW_" + setting + "=" + url})
			if err != nil && (strings.Contains(err.Error(), "hunter2@") || strings.Contains(err.Error(), "zz")) {
				t.Errorf("%s: %v", setting, err)
			}
		}
	}
}

func TestSecretsStayOutOfLogsAndHelp(t *testing.T) {
	cfg := config.Issuer{AdminToken: "hunter2hunter2hunter2"}
	cfg.RedisURL, cfg.NATSURL = "redis://:hunter2@h", "nats://hunter2@h"
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.LogAttrs(t.Context(), slog.LevelInfo, "configuration", config.Redacted(&cfg)...)
	log.Info("by mistake", "config", cfg)
	cmd := &cobra.Command{Use: "issuer", Run: func(*cobra.Command, []string) {}}
	config.Bind(cmd, &cfg)
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("secret in %s", out.String())
	}
	for _, want := range []string{`"admin_token":"xxxxx"`, `"redis_url":"redis://xxxxx@h"`, `"staleness":"0s"`, "--admin-token-file", "CURFEW_STALENESS"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}
