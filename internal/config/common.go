package config

import (
	"log/slog"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/loopback"
)

// Common is what the issuer and the edge both need.
type Common struct {
	Listen    string `koanf:"listen" default:":8080" usage:"address to serve on"`
	NATSURL   string `koanf:"nats_url" secret:"url" default:"nats://127.0.0.1:4222" usage:"NATS servers, separated by commas"`
	NATSCreds string `koanf:"nats_creds" usage:"NATS credentials file"`
	// NATSJSPrefix is for streams in accounts of their own, whose API ours imports.
	NATSJSPrefix    string        `koanf:"nats_js_prefix" default:"$JS.API" usage:"what the subjects of JetStream's API begin with, if other accounts have the streams"`
	NATSInboxPrefix string        `koanf:"nats_inbox_prefix" default:"_INBOX" usage:"what the subjects of answers begin with: _INBOX and whatever follows"`
	RedisURL        string        `koanf:"redis_url" secret:"url" default:"redis://127.0.0.1:6379/0" usage:"Redis server (edge: none to do without)"`
	IssuerURL       string        `koanf:"issuer_url" default:"http://localhost:8080" usage:"public URL of the issuer, the iss of its tokens"`
	Audience        string        `koanf:"audience" default:"curfew" usage:"aud of the tokens"`
	Staleness       time.Duration `koanf:"staleness" default:"5s" usage:"the bound B: how long after a revocation a token may at most be accepted"`
	LogLevel        string        `koanf:"log_level" default:"info" usage:"debug, info, warn or error"`
	Region          string        `koanf:"region" default:"local" usage:"region whose log is written and followed"`

	// DrainDelay is how long a service that is told to stop goes on serving
	// while it says that it is not ready.
	DrainDelay time.Duration `koanf:"drain_delay" default:"3s" usage:"how long to go on serving after SIGTERM, not ready, until load balancers have noticed"`

	OTLPEndpoint string `koanf:"otlp_endpoint" usage:"URL of an OpenTelemetry collector to send traces to, e.g. http://127.0.0.1:4318; empty: no tracing"`
	OTLPSample   int    `koanf:"otlp_sample" default:"1" usage:"trace one in this many requests, of those whose caller has not decided"`

	PprofListen string `koanf:"pprof_listen" usage:"loopback address to serve profiles on (pprof); empty: none"`

	// OpsListen may be Listen: then all is there, also before an upstream.
	OpsListen string `koanf:"ops_listen" usage:"address to serve metrics, state and documents on, and profiles if it is of this machine alone; empty: on listen, but not before an upstream"`

	AllowedOrigins string `koanf:"allowed_origins" usage:"origins, separated by commas, whose pages may use cookies here besides our own"`

	TrustedIssuers TrustedIssuers `koanf:"trusted_issuers" usage:"other issuers whose tokens are accepted and can be revoked: a YAML list"`

	Encryption
}

// maxPrefix bounds a prefix of subjects, in bytes.
const maxPrefix = 128

// NoRedis is the redis_url of an edge that has no store to ask.
const NoRedis = "none"

var (
	subjectForm  = regexp.MustCompile(`^[$A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	regionForm   = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	audienceForm = regexp.MustCompile(`^[!-~]{1,255}$`)
)

// Level is LogLevel for slog. It is Info for a level that Validate refuses.
func (c Common) Level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // leaves Info
	return level
}

// Address is where to listen.
func (c Common) Address() string { return c.Listen }

// Probing is where probes of this machine are answered.
func (c Common) Probing() string {
	if c.OpsListen != "" {
		return c.OpsListen
	}
	return c.Listen
}

// HasOps reports whether operators have a listener of their own.
func (c Common) HasOps() bool { return c.OpsListen != "" && c.OpsListen != c.Listen }

// Profiling is where to serve profiles; empty: nowhere.
func (c Common) Profiling() string { return c.PprofListen }

// Validate reports every setting that is out of bounds.
func (c Common) Validate() error {
	var p checks
	c.check(&p)
	return p.err()
}

func (c Common) check(p *checks) {
	p.address("listen", c.Listen)
	c.checkNATS(p)
	c.Encryption.check(p, c.RedisURL)
	if c.RedisURL != "" && c.RedisURL != NoRedis {
		p.link("redis_url", c.RedisURL, "redis", "rediss", "unix")
	}
	p.plainLink("issuer_url", c.IssuerURL)
	p.matches("audience", c.Audience, audienceForm, "1 to 255 visible ASCII characters")
	within(p, "staleness", c.Staleness, time.Second, time.Minute)
	p.oneOf("log_level", c.LogLevel, "debug", "info", "warn", "error")
	within(p, "drain_delay", c.DrainDelay, 0, 5*time.Minute)
	p.matches("region", c.Region, regionForm, "1 to 32 of a-z, 0-9 and -")
	if c.OTLPEndpoint != "" {
		p.plainLink("otlp_endpoint", c.OTLPEndpoint)
	}
	within(p, "otlp_sample", c.OTLPSample, 1, 1_000_000)
	if c.PprofListen != "" {
		p.address("pprof_listen", c.PprofListen)
		host, _, err := net.SplitHostPort(c.PprofListen)
		p.that("pprof_listen", err != nil || loopback.Is(host),
			"profiles show what is in memory: want an address of this machine alone, such as 127.0.0.1:6060, got %s", quote(c.PprofListen))
	}
	if c.OpsListen != "" {
		p.address("ops_listen", c.OpsListen)
		p.that("ops_listen", c.OpsListen != c.PprofListen, "want another address than pprof_listen; profiles are there too if it is a loopback one")
	}
	p.origins("allowed_origins", c.AllowedOrigins)
	c.TrustedIssuers.check(p, c.IssuerURL)
}

func (c Common) checkNATS(p *checks) {
	if c.NATSCreds != "" {
		p.file("nats_creds", c.NATSCreds, "write the credentials file, or leave the setting out")
	}
	p.that("nats_js_prefix", subjectForm.MatchString(c.NATSJSPrefix) && len(c.NATSJSPrefix) <= maxPrefix,
		"want the tokens of a subject such as $JS.API or JS.API, without a dot at the end, got %s", quote(c.NATSJSPrefix))
	p.that("nats_inbox_prefix", subjectForm.MatchString(c.NATSInboxPrefix) && strings.HasPrefix(c.NATSInboxPrefix, "_INBOX") && len(c.NATSInboxPrefix) <= maxPrefix,
		"answers are sent to inboxes alone: want _INBOX or what begins with it, such as _INBOX_edge-1, without a dot at the end, got %s", quote(c.NATSInboxPrefix))
	starts := urlStart.FindAllStringIndex(c.NATSURL, -1)
	p.that("nats_url", len(starts) > 0 && starts[0][0] == 0,
		"want URLs such as nats://host:4222, separated by commas, got %s", quote(c.NATSURL))
	for i, at := range starts {
		end := len(c.NATSURL)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		p.link("nats_url", strings.TrimSuffix(c.NATSURL[at[0]:end], ","), "nats", "tls", "ws", "wss")
	}
}
