package config_test

import (
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/token"
)

const goodToken = "0123456789abcdef0123456789abcdef"

// issuerEnv is the least that an issuer needs.
func issuerEnv(t *testing.T, more ...string) []string {
	return append([]string{
		"CURFEW_ADMIN_TOKEN=" + goodToken, "CURFEW_KEYS_DIR=" + t.TempDir(),
		"CURFEW_USERS_FILE=" + write(t, "users.yaml", "users: []"),
	}, more...)
}

func TestIssuerDefaults(t *testing.T) {
	var got config.Issuer
	if err := run(t, &got, nil, issuerEnv(t)); err != nil {
		t.Fatal(err)
	}
	got.KeysDir, got.UsersFile = "", ""
	want := config.Issuer{
		Common: config.Common{
			Listen: ":8080", NATSURL: "nats://127.0.0.1:4222", NATSJSPrefix: "$JS.API", NATSInboxPrefix: "_INBOX", RedisURL: "redis://127.0.0.1:6379/0",
			IssuerURL: "http://localhost:8080", Audience: "curfew", Staleness: 5 * time.Second, LogLevel: "info", Region: "local", DrainDelay: 3 * time.Second, OTLPSample: 1,
		},
		Keys:       config.Keys{KeyAlgorithm: "EdDSA", KeyPublishDelay: time.Minute, KeyRetireMargin: 5 * time.Minute},
		Audit:      config.Audit{AuditMaxAge: 90 * 24 * time.Hour, EventStreams: 64, RefreshAlarmCount: 30, RefreshAlarmWindow: time.Minute},
		AdminToken: goodToken, NATSReplicas: 1,
		AccessTTL: 15 * time.Minute, RefreshTTL: 168 * time.Hour, SessionMax: 720 * time.Hour, RefreshGrace: 10 * time.Second,
		SessionLimitPolicy: "newest_wins", Sliding: true,
		LoginLockThreshold: 5, LoginLockWindow: time.Minute, LoginLockDuration: 10 * time.Minute,
		LoginIPLimit: 300, LoginIPWindow: 10 * time.Minute, HashMemory: 19456, HashPasses: 2,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEdgeDefaults(t *testing.T) {
	var got, second config.Edge
	if err := run(t, &got, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := run(t, &second, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got.EdgeID == second.EdgeID || !regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`).MatchString(got.EdgeID) {
		t.Errorf("edge ids %q, %q", got.EdgeID, second.EdgeID)
	}
	want := []string{":8081", "http://localhost:8080/.well-known/jwks.json", "deny", ""}
	if have := []string{got.Listen, got.JWKSURL, got.FailMode, got.Upstream}; !slices.Equal(have, want) {
		t.Errorf("got %q, want %q", have, want)
	}
	if got.CacheEntries != 1_000_000 || got.Leeway != 5*time.Second || got.RedisURL == "" {
		t.Errorf("got %+v", got)
	}
}

// A list stands in the file as a list, and elsewhere as its text.
func TestCheckModesAreAList(t *testing.T) {
	want := config.CheckModes{{Path: "/pay", Methods: []string{"POST", "PUT"}, Mode: "strict"}, {Path: "/", Mode: "local"}}
	file := write(t, "c.yaml", "check_modes:\n- {path: /pay, methods: [POST, PUT], mode: strict}\n- path: /\n  mode: local\n")
	flow := `[{path: /pay, methods: [POST, PUT], mode: strict}, {path: /, mode: local}]`
	for name, given := range map[string]struct{ args, env []string }{
		"file": {args: []string{"--config", file}}, "flag": {args: []string{"--check-modes", flow}}, "environment": {env: []string{"CURFEW_CHECK_MODES=" + flow}},
	} {
		var got config.Edge
		if err := run(t, &got, given.args, given.env); err != nil || !reflect.DeepEqual(got.CheckModes, want) {
			t.Errorf("%s: %+v, %v", name, got.CheckModes, err)
		}
	}
	err := run(t, &config.Edge{}, []string{"--config", write(t, "c.yaml", "listen: [a]\ncheck_modes:\n- {path: /pay, mod: strict}\n")}, nil)
	if err == nil || !strings.Contains(err.Error(), "c.yaml:1: listen: want a single value") || !strings.Contains(err.Error(), "c.yaml:2: check_modes: ") {
		t.Errorf("%v", err)
	}
}

func TestEdgeWithoutRedis(t *testing.T) {
	for _, args := range [][]string{{"--redis-url=none"}, {"--redis-url="}} {
		var got config.Edge
		if err := run(t, &got, args, nil); err != nil || got.RedisURL != "" {
			t.Errorf("%v: %q, %v", args, got.RedisURL, err)
		}
	}
}

// The names are part of CONTRACT: none may go, none may come unnoticed.
func TestNamesOfSettings(t *testing.T) {
	const common = "listen nats_url nats_creds nats_js_prefix nats_inbox_prefix redis_url issuer_url audience staleness log_level region drain_delay otlp_endpoint otlp_sample pprof_listen ops_listen allowed_origins trusted_issuers " +
		"tls_cert tls_key tls_client_ca nats_ca nats_cert nats_key redis_ca redis_cert redis_key issuer_ca issuer_cert issuer_key insecure_skip_verify"
	for cfg, more := range map[any]string{
		&config.Issuer{}: "key_algorithm hs256_secret key_publish_delay key_retire_margin key_rotate_every audit_max_age audit_max_bytes event_streams refresh_alarm_count refresh_alarm_window keys_dir users_file admin_token admins admin_role admin_listen nats_replicas access_ttl refresh_ttl session_max refresh_grace sliding bind_device session_limit " +
			"session_limit_per_kind session_limit_policy login_lock_threshold login_lock_window login_lock_duration " +
			"login_ip_limit login_ip_window hash_concurrency hash_memory hash_passes users_file_writable " +
			"login_webhook_url login_webhook_secret login_webhook_insecure trusted_proxies",
		&config.Edge{}: "edge_id edge_url jwks_url fail_mode check_mode check_modes cache_entries upstream upstream_timeout upstream_stall upstream_max_body upstream_ca upstream_cert upstream_key strip_authorization trusted_proxies ext_authz_listen identity_headers leeway hs256_secret assertion assertion_key renew renew_url renew_before renew_header",
	} {
		var got []string
		for _, attr := range config.Redacted(cfg) {
			got = append(got, attr.Key)
		}
		if want := strings.Fields(common + " " + more); !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", reflect.TypeOf(cfg), got, want)
		}
	}
}

func TestMissingSaysWhatToDo(t *testing.T) {
	err := run(t, &config.Issuer{}, []string{"--redis-url=none"}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"admin_token: set CURFEW_ADMIN_TOKEN or CURFEW_ADMIN_TOKEN_FILE, e.g. to the output of: openssl rand -hex 32",
		"users_file: set CURFEW_USERS_FILE", "keys_dir: set CURFEW_KEYS_DIR", "--redis-url: the issuer keeps its sessions there",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestBounds(t *testing.T) {
	file := write(t, "f", "x")
	good := []string{
		"STALENESS=1s", "STALENESS=1m", "ACCESS_TTL=1m", "ACCESS_TTL=24h", "REFRESH_GRACE=0", "LISTEN=127.0.0.1:0", "LISTEN=[::1]:80",
		"NATS_URL=nats://a:1,tls://u:p@b:2", "REDIS_URL=rediss://u:p@h:1/2", "REDIS_URL=unix:///run/redis.sock", "REGION=eu-1",
		"LOG_LEVEL=debug", "ISSUER_URL=https://auth.example/x", "NATS_CREDS=" + file,
		"SLIDING=false", "BIND_DEVICE=true", "SESSION_LIMIT=1", "SESSION_LIMIT_PER_KIND=10000", "SESSION_LIMIT_POLICY=refuse",
		"ADMIN_ROLE=boss", "ADMIN_LISTEN=127.0.0.1:0", "ADMINS=[]",
		"LOGIN_LOCK_THRESHOLD=0", "LOGIN_IP_LIMIT=0", "LOGIN_WEBHOOK_URL=https://auth.example/login", "LOGIN_WEBHOOK_URL=http://127.0.0.1:9/x", "LOGIN_WEBHOOK_URL=http://localhost", "TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.1,fd00::/8",
		"ALLOWED_ORIGINS=https://www.example.com", "ALLOWED_ORIGINS=http://localhost:3000, https://a.example:8443,http://[::1]:3000",
	}
	bad := []string{
		"STALENESS=999ms", "STALENESS=soon", "STALENESS=61s", "STALENESS=-5s", "ACCESS_TTL=59s", "ACCESS_TTL=24h1s", "REFRESH_TTL=0", "SESSION_MAX=-1h",
		"REFRESH_GRACE=61s", "SESSION_LIMIT=-1", "SESSION_LIMIT_PER_KIND=10001", "SESSION_LIMIT_POLICY=oldest", "SLIDING=often", "BIND_DEVICE=2", "LOGIN_LOCK_THRESHOLD=-1", "LOGIN_LOCK_WINDOW=0", "LOGIN_LOCK_DURATION=25h",
		"LOGIN_WEBHOOK_URL=http://auth.example/login", "LOGIN_WEBHOOK_URL=auth.example", "LOGIN_WEBHOOK_URL=https://u:p@h/", "LOGIN_WEBHOOK_SECRET=short",
		"LOGIN_IP_LIMIT=-1", "HASH_CONCURRENCY=-1", "HASH_MEMORY=19455", "HASH_MEMORY=262145", "HASH_PASSES=1", "USERS_FILE_WRITABLE=maybe", "LOGIN_IP_WINDOW=0", "TRUSTED_PROXIES=proxy.example", "TRUSTED_PROXIES=10.0.0.0/33", "TRUSTED_PROXIES=fe80::1%eth0",
		"LISTEN=8080", "LISTEN=:65536", "LISTEN=:http", "NATS_URL=127.0.0.1:4222", "NATS_URL=http://h", "NATS_URL=nats://a,nats://", "NATS_CREDS=/does/not/exist", "NATS_JS_PREFIX=LOG.API.", "NATS_JS_PREFIX=LOG.>", "NATS_JS_PREFIX=LOG API", "NATS_INBOX_PREFIX=answers", "NATS_INBOX_PREFIX=_INBOX.*", "NATS_INBOX_PREFIX=_INBOX.",
		"REDIS_URL=http://h", "REDIS_URL=redis://", "REDIS_URL=none", "ISSUER_URL=localhost", "ISSUER_URL=ftp://h", "ISSUER_URL=http://u:p@h",
		"ISSUER_URL=http://h?x=1", "ISSUER_URL=http://h#f", "AUDIENCE=a b", "LOG_LEVEL=loud", "REGION=EU", "REGION=a.b", "REGION=" + strings.Repeat("a", 33),
		"ADMIN_ROLE=the boss", "ADMIN_LISTEN=8081", "ADMIN_LISTEN=:8080",
		"ADMIN_TOKEN=short", "ADMIN_TOKEN=with spaces in the middle", "USERS_FILE=/does/not/exist", "USERS_FILE=" + t.TempDir(), "KEYS_DIR=" + file, "KEYS_DIR=/does/not/exist",
		"ALLOWED_ORIGINS=*", "ALLOWED_ORIGINS=a.example", "ALLOWED_ORIGINS=https://a.example/", "ALLOWED_ORIGINS=https://A.example",
		"ALLOWED_ORIGINS=https://a.example:443", "ALLOWED_ORIGINS=http://a.example:80", "ALLOWED_ORIGINS=https://u:p@a.example",
		"ALLOWED_ORIGINS=https://a.example,", "ALLOWED_ORIGINS=null", "ALLOWED_ORIGINS=https://a.example?x", "ALLOWED_ORIGINS=ftp://a.example",
	}
	try := func(setting string) error {
		return run(t, &config.Issuer{}, nil, issuerEnv(t, "CURFEW_"+setting))
	}
	checkBounds(t, try, good, bad)
}

func TestEdgeBounds(t *testing.T) {
	good := []string{
		"UPSTREAM=http://api:9000", "RENEW=true", "RENEW_URL=https://auth/v1/refresh", "RENEW_BEFORE=1m", "RENEW_BEFORE=0", "RENEW_HEADER=true",
		"UPSTREAM=https://h/base", "LEEWAY=0", "LEEWAY=4m", "CACHE_ENTRIES=100", "CACHE_ENTRIES=100000000",
		"EDGE_ID=a_B-c-1", "EDGE_URL=http://e:8081", "FAIL_MODE=allow", "REDIS_URL=none", "JWKS_URL=https://h/jwks",
		"IDENTITY_HEADERS=X-Acme-", "IDENTITY_HEADERS=X-Acme-Auth-", "IDENTITY_HEADERS=Remote-",
		"CHECK_MODE=strict", "CHECK_MODES=[]", `CHECK_MODES=[{"path":"/","mode":"strict","methods":["POST"]},{"path":"/a/*/b.c/","mode":"local"}]`,
	}
	bad := []string{
		"IDENTITY_HEADERS=X-", "IDENTITY_HEADERS=Acme-", "IDENTITY_HEADERS=X-Acme", "IDENTITY_HEADERS=X-Forwarded-", "IDENTITY_HEADERS=x-acme-",
		"IDENTITY_HEADERS=X-Ac me-", "IDENTITY_HEADERS=X-Acme_-", "IDENTITY_HEADERS=X-Request-", "IDENTITY_HEADERS=Content-",
		"UPSTREAM=api:9000", "RENEW=perhaps", "RENEW_URL=auth", "RENEW_URL=https://u:p@auth", "RENEW_BEFORE=-1s", "RENEW_BEFORE=25h", "RENEW_HEADER=2",
		"UPSTREAM=http://", "UPSTREAM=//h", "UPSTREAM=ftp://h", "UPSTREAM=http://:80", "LEEWAY=-1s", "LEEWAY=4m1s", "LEEWAY=5m",
		"CACHE_ENTRIES=99", "CACHE_ENTRIES=100000001", "EDGE_ID=a b", "EDGE_ID=a*", "EDGE_ID=a.b", "EDGE_URL=ftp://e", "EDGE_URL=http://u:p@e", "EDGE_URL=http://" + strings.Repeat("e", 512), "EDGE_ID=" + strings.Repeat("a", 65), "FAIL_MODE=open", "JWKS_URL=file:///etc/x",
		"CHECK_MODE=paranoid", "CHECK_MODES=strict", "CHECK_MODES={}", "CHECK_MODES=[{path: /a, mode: loose}]", "CHECK_MODES=[{path: a, mode: local}]",
		"CHECK_MODES=[{path: /a//b, mode: local}]", "CHECK_MODES=[{path: /a/../b, mode: local}]", "CHECK_MODES=[{path: /a%2fb, mode: local}]",
		"CHECK_MODES=[{path: /a, mode: local, methods: [get]}]", "CHECK_MODES=[{path: /a, mode: local, method: GET}]", "CHECK_MODES=[{path: /a*, mode: local}]",
		"CHECK_MODES=[{path: /a, mode: local}, {path: /A/, mode: strict}]", "CHECK_MODES=[{path: //, mode: local}]",
	}
	try := func(setting string) error { return run(t, &config.Edge{}, nil, []string{"CURFEW_" + setting}) }
	checkBounds(t, try, good, bad)
}

// What settings allow, a revocation outlives: it is the rules of package token.
func TestLeewayAndStalenessFitTheMargin(t *testing.T) {
	if err := run(t, &config.Edge{}, nil, []string{"CURFEW_LEEWAY=" + token.MaxLeeway.String(), "CURFEW_STALENESS=1m"}); err != nil {
		t.Error(err)
	}
	for setting, most := range map[string]time.Duration{"LEEWAY": token.MaxLeeway, "STALENESS": time.Minute} {
		if err := run(t, &config.Edge{}, nil, []string{"CURFEW_" + setting + "=" + (most + 1).String()}); err == nil {
			t.Errorf("%s of more than %v passes", setting, most)
		}
	}
	if sum := token.MaxLeeway + time.Minute + token.MaxLag; sum > commit.Margin || token.Margin > commit.Margin {
		t.Errorf("leeway, staleness and lag are %v in all, more than a revocation outlives the tokens, %v", sum, commit.Margin)
	}
	trusted := func(lifetime, skew time.Duration) error {
		return run(t, &config.Edge{}, nil, []string{fmt.Sprintf("CURFEW_TRUSTED_ISSUERS=[{issuer: 'https://x.example', audience: a, max_lifetime: %v, clock_skew: %v}]", lifetime, skew)})
	}
	if err := trusted(720*time.Hour, 5*time.Minute); err != nil {
		t.Error(err)
	}
	if life := (token.ForeignConfig{MaxLifetime: 720 * time.Hour, ClockSkew: 5 * time.Minute}).Life(); life > events.MaxTTL {
		t.Errorf("a revocation of a trusted issuer may have to live for %v, and cannot", life)
	}
}

func checkBounds(t *testing.T, try func(string) error, good, bad []string) {
	t.Helper()
	for _, setting := range good {
		if err := try(setting); err != nil {
			t.Errorf("%s: %v", setting, err)
		}
	}
	for _, setting := range bad {
		name, _, _ := strings.Cut(setting, "=")
		if err := try(setting); err == nil || !strings.HasPrefix(err.Error(), "CURFEW_"+name+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one problem with CURFEW_%s", setting, err, name)
		}
	}
}

func TestLevel(t *testing.T) {
	for text, want := range map[string]slog.Level{"debug": slog.LevelDebug, "error": slog.LevelError, "": slog.LevelInfo} {
		if got := (config.Common{LogLevel: text}).Level(); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
