package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// A setting is one way to configure a service and what comes of it.
type setting struct {
	name string
	env  []string // changes the good settings; "NAME=" takes one away
	args []string
	yaml string
	code int
	says []string
}

const secret = "the-secret-that-nobody-may-see"

// TestSettings checks configurations without starting anything.
func TestSettings(t *testing.T) {
	s := newSetup(t)
	good := []string{"CURFEW_KEYS_DIR=" + s.keysDir(), "CURFEW_USERS_FILE=" + s.usersFile(), "CURFEW_ADMIN_TOKEN=" + s.admin}
	nowhere := filepath.Join(s.dir, "nowhere")
	t.Run("issuer", func(t *testing.T) {
		checkSettings(t, s.bin.Issuer, good, append(sharedSettings(), []setting{
			{name: "no admin token", env: []string{"CURFEW_ADMIN_TOKEN="}, code: 2, says: []string{"admin_token", "CURFEW_ADMIN_TOKEN_FILE", "openssl rand"}},
			{name: "no users file", env: []string{"CURFEW_USERS_FILE="}, code: 2, says: []string{"users_file", "CURFEW_USERS_FILE", "curfew hash-password"}},
			{name: "no keys", env: []string{"CURFEW_KEYS_DIR="}, code: 2, says: []string{"keys_dir", "CURFEW_KEYS_DIR", "mkdir"}},
			{name: "nothing at all", env: []string{"CURFEW_KEYS_DIR=", "CURFEW_USERS_FILE=", "CURFEW_ADMIN_TOKEN="}, code: 2, says: []string{"admin_token", "users_file", "keys_dir"}},
			{name: "users file is not there", env: []string{"CURFEW_USERS_FILE=" + nowhere}, code: 2, says: []string{"CURFEW_USERS_FILE", nowhere}},
			{name: "keys directory is not there", env: []string{"CURFEW_KEYS_DIR=" + nowhere}, code: 2, says: []string{"CURFEW_KEYS_DIR", nowhere}},
			{name: "weak admin token", env: []string{"CURFEW_ADMIN_TOKEN=" + secret[:15]}, code: 2, says: []string{"CURFEW_ADMIN_TOKEN"}},
			{name: "admin token from a file", env: []string{"CURFEW_ADMIN_TOKEN=", "CURFEW_ADMIN_TOKEN_FILE=" + s.adminFile()}},
			{name: "admin token twice", env: []string{"CURFEW_ADMIN_TOKEN_FILE=" + s.adminFile()}, code: 2, says: []string{"not both"}},
			{name: "admin token's file is not there", env: []string{"CURFEW_ADMIN_TOKEN=", "CURFEW_ADMIN_TOKEN_FILE=" + nowhere}, code: 2, says: []string{"CURFEW_ADMIN_TOKEN_FILE"}},
			{name: "admin token on the command line", args: []string{"--admin-token=" + secret}, code: 2, says: []string{"--admin-token"}},
			{name: "misspelled variable", env: []string{"CURFEW_ACESS_TTL=5m"}, code: 2, says: []string{"CURFEW_ACESS_TTL", "did you mean CURFEW_ACCESS_TTL"}},
			{name: "misspelled key", yaml: "region: local\nacess_ttl: 5m\n", code: 2, says: []string{"config.yaml:2: acess_ttl", "did you mean access_ttl"}},
			{name: "access_ttl too short", env: []string{"CURFEW_ACCESS_TTL=1s"}, code: 2, says: []string{"CURFEW_ACCESS_TTL", "1m0s"}},
			{name: "an edge's variable beside it", env: []string{"CURFEW_EDGE_ID=edge-1"}},
		}...))
	})
	t.Run("edge", func(t *testing.T) {
		checkSettings(t, s.bin.Edge, nil, append(sharedSettings(), []setting{
			{name: "no store", env: []string{"CURFEW_REDIS_URL=none"}},
			{name: "fail_mode", env: []string{"CURFEW_FAIL_MODE=maybe"}, code: 2, says: []string{"CURFEW_FAIL_MODE", "deny or allow"}},
			{name: "upstream", env: []string{"CURFEW_UPSTREAM=api:80"}, code: 2, says: []string{"CURFEW_UPSTREAM"}},
			{name: "edge_id", env: []string{"CURFEW_EDGE_ID=a b"}, code: 2, says: []string{"CURFEW_EDGE_ID"}},
			{name: "edge_id with a dot", env: []string{"CURFEW_EDGE_ID=a.b"}, code: 2, says: []string{"CURFEW_EDGE_ID", "letters, digits, - or _"}},
			{name: "edge_url", env: []string{"CURFEW_EDGE_URL=http://user:pass@edge"}, code: 2, says: []string{"CURFEW_EDGE_URL", "password"}},
			{name: "misspelled variable", env: []string{"CURFEW_EDGEID=e"}, code: 2, says: []string{"CURFEW_EDGEID", "did you mean CURFEW_EDGE_ID"}},
			{name: "misspelled key", yaml: "leway: 5s\n", code: 2, says: []string{"config.yaml:1: leway", "did you mean leeway"}},
			{name: "an issuer's variable beside it", env: []string{"CURFEW_ACCESS_TTL=5m"}},
		}...))
	})
}

// sharedSettings: flags go over the environment, that over the file, and what
// is wrong is named as it was given.
func sharedSettings() []setting {
	return []setting{
		{name: "good"},
		{name: "file", yaml: "staleness: 4s\nregion: eu-1\n"},
		{name: "bad value in the file", yaml: "staleness: 4\n", code: 2, says: []string{"config.yaml:1: staleness"}},
		{name: "environment over file", yaml: "staleness: 4\n", env: []string{"CURFEW_STALENESS=4s"}},
		{name: "bad value in the environment", env: []string{"CURFEW_STALENESS=4h"}, code: 2, says: []string{"CURFEW_STALENESS"}},
		{name: "flag over environment", env: []string{"CURFEW_STALENESS=4h"}, args: []string{"--staleness=4s"}},
		{name: "bad value of a flag", env: []string{"CURFEW_STALENESS=4s"}, args: []string{"--staleness=4h"}, code: 2, says: []string{"--staleness"}},
		{name: "nested file", yaml: "issuer:\n  staleness: 4s\n", code: 2, says: []string{"config.yaml:1: issuer"}},
		{name: "key given twice", yaml: "region: a\nregion: b\n", code: 2, says: []string{"config.yaml:2: region"}},
		{name: "profiles", args: []string{"--pprof-listen=[::1]:6060"}},
		{name: "profiles for everybody", args: []string{"--pprof-listen=:6060"}, code: 2, says: []string{"--pprof-listen", "127.0.0.1:6060"}},
		{name: "profiles for the network", env: []string{"CURFEW_PPROF_LISTEN=192.0.2.1:6060"}, code: 2, says: []string{"CURFEW_PPROF_LISTEN", "this machine alone"}},
		{name: "no such file", args: []string{"--config=/nowhere.yaml"}, code: 2, says: []string{"/nowhere.yaml"}},
		{name: "unknown flag", args: []string{"--stalenes=4s"}, code: 2, says: []string{"--stalenes", "did you mean --staleness"}},
		{name: "stray argument", args: []string{secret}, code: 2, says: []string{"takes no arguments"}},
		{name: "password in a bad URL", env: []string{"CURFEW_REDIS_URL=http://:" + secret + "@host"}, code: 2, says: []string{"CURFEW_REDIS_URL"}},
	}
}

func checkSettings(t *testing.T, path string, good []string, table []setting) {
	for _, s := range table {
		t.Run(s.name, func(t *testing.T) {
			args := append([]string{"--check-config"}, s.args...)
			if s.yaml != "" {
				file := filepath.Join(t.TempDir(), "config.yaml")
				testenv.Must(t, os.WriteFile(file, []byte(s.yaml), 0o600))
				args = append(args, "--config", file)
			}
			o := execute(t, command{path: path, args: args, env: append(slices.Clone(good), s.env...)}).mustExit(t, s.code).mustSay(t, s.says...)
			if (s.code == 0) != strings.Contains(o.stdout, "the configuration is good") {
				t.Errorf("standard output: %s", o.stdout)
			}
			if strings.Contains(o.stdout+o.stderr, secret[:15]) {
				t.Errorf("the secret is repeated: %s%s", o.stdout, o.stderr)
			}
		})
	}
}
