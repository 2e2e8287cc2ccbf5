package config

import (
	"log/slog"
	"net/url"
	"time"

	"github.com/curfew-auth/curfew/internal/loopback"
)

// Issuer is the configuration of the issuer.
type Issuer struct {
	Common
	Keys
	Audit

	KeysDir    string `koanf:"keys_dir" usage:"directory of the signing keys, one PEM file each"`
	UsersFile  string `koanf:"users_file" usage:"YAML file with the users who may log in"`
	AdminToken string `koanf:"admin_token" secret:"true" usage:"token of the admin calls"`

	Admins      Admins `koanf:"admins" usage:"named admins, each with a token of their own"`
	AdminRole   string `koanf:"admin_role" usage:"users with this role are admins of their tenant; empty: none"`
	AdminListen string `koanf:"admin_listen" usage:"address to serve the admin calls on; empty: on listen"`

	NATSReplicas int `koanf:"nats_replicas" default:"1" usage:"copies of the log that NATS keeps: 1, or 3 in a cluster; counts when the log is created"`

	AccessTTL    time.Duration `koanf:"access_ttl" default:"15m" usage:"lifetime of an access token"`
	RefreshTTL   time.Duration `koanf:"refresh_ttl" default:"168h" usage:"a session ends when it is not refreshed for this long"`
	SessionMax   time.Duration `koanf:"session_max" default:"720h" usage:"a session ends this long after its login"`
	RefreshGrace time.Duration `koanf:"refresh_grace" default:"10s" usage:"how long a refresh token may be retried after its first use"`

	Sliding    bool `koanf:"sliding" default:"true" usage:"whether a refresh moves the end by refresh_ttl on; else it stays where the login put it"`
	BindDevice bool `koanf:"bind_device" default:"false" usage:"demand a device id at login and the same one at every refresh"`

	SessionLimit        int    `koanf:"session_limit" default:"0" usage:"sessions a user may have, 0 for no limit"`
	SessionLimitPerKind int    `koanf:"session_limit_per_kind" default:"0" usage:"sessions a user may have per kind of device, 0 for no limit"`
	SessionLimitPolicy  string `koanf:"session_limit_policy" default:"newest_wins" usage:"at the limit: newest_wins ends the oldest session, refuse declines the login"`

	LoginLockThreshold   int           `koanf:"login_lock_threshold" default:"5" usage:"failed logins within the window that lock an account, 0 for never"`
	LoginLockWindow      time.Duration `koanf:"login_lock_window" default:"60s" usage:"window in which failed logins are counted"`
	LoginLockDuration    time.Duration `koanf:"login_lock_duration" default:"10m" usage:"how long an account stays locked"`
	LoginIPLimit         int           `koanf:"login_ip_limit" default:"300" usage:"failed logins from one address (IPv6: /64) within its window, 0 for no limit"`
	LoginIPWindow        time.Duration `koanf:"login_ip_window" default:"10m" usage:"window of login_ip_limit"`
	HashConcurrency      int           `koanf:"hash_concurrency" default:"0" usage:"passwords hashed at once, 0 for half the processors"`
	HashMemory           int           `koanf:"hash_memory" default:"19456" usage:"memory of a new argon2id hash, in KiB"`
	HashPasses           int           `koanf:"hash_passes" default:"2" usage:"passes of a new argon2id hash"`
	UsersFileWritable    bool          `koanf:"users_file_writable" default:"false" usage:"replace weaker hashes in the users file as their users log in"`
	LoginWebhookURL      string        `koanf:"login_webhook_url" usage:"whom to ask about names that the users file does not have"`
	LoginWebhookSecret   string        `koanf:"login_webhook_secret" secret:"true" usage:"key of the signature of what the webhook is asked"`
	LoginWebhookInsecure bool          `koanf:"login_webhook_insecure" default:"false" usage:"let passwords go to an http:// webhook on another machine"`
	TrustedProxies       string        `koanf:"trusted_proxies" usage:"networks, separated by commas, whose X-Forwarded-For is believed"`
}

const (
	minAdminToken = 16   // characters
	maxAdminToken = 4096 // characters; it must fit a header
	maxSessions   = 10_000
	year          = 365 * 24 * time.Hour
)

// The values of session_limit_policy.
const (
	NewestWins = "newest_wins"
	Refuse     = "refuse"
)

// Validate reports every setting that is missing or out of bounds. It looks
// whether the users file and the keys directory exist, but not into them.
func (c Issuer) Validate() error {
	var p checks
	c.Common.check(&p)
	p.that("redis_url", c.RedisURL != "" && c.RedisURL != NoRedis,
		"the issuer keeps its sessions there: set CURFEW_REDIS_URL, e.g. to redis://127.0.0.1:6379/0")
	c.checkCredentials(&p)
	c.checkAdmins(&p)
	c.Keys.check(&p)
	c.checkSessions(&p)
	c.checkLogin(&p)
	within(&p, "nats_replicas", c.NATSReplicas, 1, 5)
	c.Audit.check(&p)
	return p.err()
}

func (c Issuer) checkCredentials(p *checks) {
	switch n := len(c.AdminToken); {
	case n == 0:
		p.that("admin_token", false,
			"set CURFEW_ADMIN_TOKEN or CURFEW_ADMIN_TOKEN_FILE, e.g. to the output of: openssl rand -hex 32")
	case n < minAdminToken || n > maxAdminToken || !bearerForm.MatchString(c.AdminToken):
		p.that("admin_token", false,
			"want %d to %d letters, digits or -._~+/, e.g. the output of: openssl rand -hex 32", minAdminToken, maxAdminToken)
	}
	if c.UsersFile != "" || c.LoginWebhookURL == "" {
		p.file("users_file", c.UsersFile,
			"set CURFEW_USERS_FILE to a YAML file with users (curfew hash-password makes the hashes), or CURFEW_LOGIN_WEBHOOK_URL")
	}
	c.checkWebhook(p)
	p.directory("keys_dir", c.KeysDir,
		"set CURFEW_KEYS_DIR to a directory, made e.g. by: mkdir -m 700 keys; the issuer makes the first key in it")
}

func (c Issuer) checkWebhook(p *checks) {
	if n := len(c.LoginWebhookSecret); n > 0 {
		p.that("login_webhook_secret", n >= minAdminToken && n <= maxAdminToken,
			"want %d to %d characters, e.g. the output of: openssl rand -hex 32", minAdminToken, maxAdminToken)
	}
	if c.LoginWebhookURL == "" {
		return
	}
	p.plainLink("login_webhook_url", c.LoginWebhookURL)
	u, err := url.Parse(c.LoginWebhookURL)
	p.that("login_webhook_url", err != nil || u.Scheme != "http" || loopback.Is(u.Hostname()) || c.LoginWebhookInsecure,
		"passwords go there: want https://, or http:// to this machine, or set login_webhook_insecure")
}

func (c Issuer) checkSessions(p *checks) {
	within(p, "access_ttl", c.AccessTTL, time.Minute, 24*time.Hour)
	within(p, "refresh_ttl", c.RefreshTTL, time.Minute, year)
	within(p, "session_max", c.SessionMax, time.Minute, year)
	within(p, "refresh_grace", c.RefreshGrace, 0, time.Minute)
	within(p, "session_limit", c.SessionLimit, 0, maxSessions)
	within(p, "session_limit_per_kind", c.SessionLimitPerKind, 0, maxSessions)
	p.oneOf("session_limit_policy", c.SessionLimitPolicy, NewestWins, Refuse)
}

func (c Issuer) checkLogin(p *checks) {
	within(p, "login_lock_threshold", c.LoginLockThreshold, 0, 1000)
	within(p, "login_lock_window", c.LoginLockWindow, time.Second, 24*time.Hour)
	within(p, "login_lock_duration", c.LoginLockDuration, time.Second, 24*time.Hour)
	within(p, "login_ip_limit", c.LoginIPLimit, 0, 1_000_000)
	within(p, "login_ip_window", c.LoginIPWindow, time.Second, 24*time.Hour)
	within(p, "hash_concurrency", c.HashConcurrency, 0, 1024)
	within(p, "hash_memory", c.HashMemory, 19456, 256<<10)
	within(p, "hash_passes", c.HashPasses, 2, 16)
	p.networks("trusted_proxies", c.TrustedProxies)
}

// LogValue keeps the admin token out of any log that the struct gets into.
func (c Issuer) LogValue() slog.Value { return slog.GroupValue(Redacted(&c)...) }
