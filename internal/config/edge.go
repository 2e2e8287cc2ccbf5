package config

import (
	"crypto/rand"
	"log/slog"
	"math"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// Edge is the configuration of an edge.
type Edge struct {
	Common `defaults:"listen=:8081"`

	EdgeID       string     `koanf:"edge_id" usage:"name of this edge, unique among all; default: the host name and a random end"`
	EdgeURL      string     `koanf:"edge_url" usage:"where this edge can be reached, for the list of edges that admins see"`
	JWKSURL      string     `koanf:"jwks_url" usage:"where the issuer's public keys are; default: at the issuer"`
	FailMode     string     `koanf:"fail_mode" default:"deny" usage:"deny or allow requests while revocation cannot be known"`
	CheckMode    string     `koanf:"check_mode" default:"local" usage:"what must be known of a token: stateless, local or strict"`
	CheckModes   CheckModes `koanf:"check_modes" usage:"other modes for some paths: a YAML list of {path, methods, mode}"`
	CacheEntries int        `koanf:"cache_entries" default:"1000000" usage:"revocations and verified tokens kept in memory, each"`
	Upstream     string     `koanf:"upstream" usage:"URL of the API to pass good requests on to"`

	UpstreamTimeout time.Duration `koanf:"upstream_timeout" default:"1m" usage:"how long the API may take to begin its answer"`
	UpstreamStall   time.Duration `koanf:"upstream_stall" default:"1m" usage:"how long a client may neither send the next bytes of a body nor take those of an answer"`
	UpstreamMaxBody int           `koanf:"upstream_max_body" default:"1073741824" usage:"bytes that a request body to the API may have"`
	UpstreamCA      string        `koanf:"upstream_ca" usage:"PEM file with the authorities of the API; empty: the system's"`
	UpstreamCert    string        `koanf:"upstream_cert" usage:"PEM file with our certificate for an API that asks for one"`
	UpstreamKey     string        `koanf:"upstream_key" usage:"PEM file with the key of upstream_cert"`
	// StripAuthorization is for an API that goes by the identity headers.
	StripAuthorization bool `koanf:"strip_authorization" usage:"keep the Authorization header from the API"`

	TrustedProxies string `koanf:"trusted_proxies" usage:"networks, separated by commas, whose X-Forwarded-* headers are passed on to the API"`
	ExtAuthzListen string `koanf:"ext_authz_listen" usage:"address to answer Envoy's ext_authz over gRPC on; empty: not at all"`
	// IdentityHeaders begins the names of the headers that say whose a request is.
	IdentityHeaders string        `koanf:"identity_headers" default:"X-Curfew-" usage:"how the names of the headers begin that carry the identity onwards"`
	Leeway          time.Duration `koanf:"leeway" default:"5s" usage:"how far the clocks of issuer and edge may differ"`

	HS256Secret string `koanf:"hs256_secret" secret:"true" usage:"secret of an issuer that signs with HS256; whoever holds it can sign"`

	Assertion    string `koanf:"assertion" usage:"audience of a signed assertion for the API about whose a request is; empty: none"`
	AssertionKey string `koanf:"assertion_key" usage:"file with the Ed25519 key that signs it (PKCS #8, PEM); default: a new one at every start"`

	Renew       bool          `koanf:"renew" usage:"renew expired access cookies at the issuer, within the same request"`
	RenewURL    string        `koanf:"renew_url" usage:"where refresh tokens are exchanged; default: at the issuer"`
	RenewBefore time.Duration `koanf:"renew_before" default:"0s" usage:"renew access cookies this long before they expire"`
	RenewHeader bool          `koanf:"renew_header" usage:"show a renewed access token to scripts, in X-Curfew-Access-Token"`
}

const (
	maxEdgeURL = 512 // characters
	// maxLeeway is token.MaxLeeway.
	maxLeeway = 4 * time.Minute
)

// modes are those of package guard.
var modes = []string{"stateless", "local", "strict"}

var (
	// Anything before User, Session, Tenant, Roles, Scope and Code that is
	// not also the beginning of a header with another meaning: the client's
	// headers that begin like this are not passed on.
	identityForm  = regexp.MustCompile(`^(X(-[A-Za-z0-9]{1,32}){1,3}|Remote)-$`)
	identityTaken = regexp.MustCompile(`(?i)^X-(Forwarded|Real|Request|Content|Frame|XSS|B3|HTTP)-`)

	// An id is one token of a NATS subject: no dot, no blank, no wildcard.
	edgeIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	// A token that can stand in an Authorization header (RFC 6750 section 2.1).
	bearerForm = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
)

// Validate reports every setting that is out of bounds. Settings that Resolve
// fills in may be empty.
func (c Edge) Validate() error {
	var p checks
	c.check(&p)
	c.TrustedIssuers.checkAccepted(&p)
	if c.EdgeID != "" {
		p.matches("edge_id", c.EdgeID, edgeIDForm, "1 to 64 letters, digits, - or _")
	}
	if c.EdgeURL != "" {
		p.plainLink("edge_url", c.EdgeURL)
		p.that("edge_url", len(c.EdgeURL) <= maxEdgeURL, "want at most %d characters, got %d", maxEdgeURL, len(c.EdgeURL))
	}
	if c.JWKSURL != "" {
		p.link("jwks_url", c.JWKSURL, "http", "https")
	}
	if c.Upstream != "" {
		p.plainLink("upstream", c.Upstream)
	}
	p.tlsFiles("upstream_", c.API().Files)
	if c.Upstream != "" {
		p.encrypted("upstream", c.Upstream, "upstream_ca, upstream_cert or insecure_skip_verify", c.API())
	}
	const issuers = "issuer_ca, issuer_cert or insecure_skip_verify"
	if c.JWKSURL != "" {
		p.encrypted("jwks_url", c.JWKSURL, issuers, c.Issuers())
	} else {
		p.encrypted("issuer_url", c.IssuerURL, issuers, c.Issuers())
	}
	if c.Renew && c.RenewURL != "" {
		p.encrypted("renew_url", c.RenewURL, issuers, c.Issuers())
	}
	if c.ExtAuthzListen != "" {
		p.address("ext_authz_listen", c.ExtAuthzListen)
		p.that("ext_authz_listen", c.ExtAuthzListen != c.Listen, "want another address than listen, which speaks HTTP")
	}
	within(&p, "upstream_timeout", c.UpstreamTimeout, time.Second, 24*time.Hour)
	within(&p, "upstream_stall", c.UpstreamStall, time.Second, time.Hour)
	within(&p, "upstream_max_body", c.UpstreamMaxBody, 0, math.MaxInt)
	p.networks("trusted_proxies", c.TrustedProxies)
	if c.Assertion != "" {
		p.matches("assertion", c.Assertion, audienceForm, "1 to 255 visible ASCII characters")
	}
	if c.AssertionKey != "" {
		p.that("assertion_key", c.Assertion != "", "is of no use without assertion")
		p.file("assertion_key", c.AssertionKey, "make one with openssl genpkey -algorithm ed25519, or leave the setting out")
	}
	if c.RenewURL != "" {
		p.plainLink("renew_url", c.RenewURL)
	}
	within(&p, "renew_before", c.RenewBefore, 0, 24*time.Hour)
	p.that("identity_headers", identityForm.MatchString(c.IdentityHeaders) && !identityTaken.MatchString(c.IdentityHeaders),
		"want X-, a name of your own and -, or Remote-, got %s", quote(c.IdentityHeaders))
	p.oneOf("fail_mode", c.FailMode, "deny", "allow")
	p.oneOf("check_mode", c.CheckMode, modes...)
	c.CheckModes.check(&p)
	within(&p, "cache_entries", c.CacheEntries, 100, 100_000_000)
	p.that("leeway", c.Leeway >= 0 && c.Leeway <= maxLeeway,
		"want 0s to %v, got %v: a revocation outlives the tokens by 15m0s, which must cover the leeway, the staleness bound and a clock that is 10m0s behind", maxLeeway, c.Leeway)
	checkSecret(&p, c.HS256Secret)
	return p.err()
}

// API is how the upstream is verified, and what it is shown.
func (c Edge) API() tlsfiles.Peer {
	return tlsfiles.Peer{Files: tlsfiles.Files{Cert: c.UpstreamCert, Key: c.UpstreamKey, CA: c.UpstreamCA}, Unverified: c.skips(peerUpstream)}
}

// Resolve fills in the defaults that depend on other settings or on the
// machine, and turns the redis_url none into the empty one. Load calls it.
func (c *Edge) Resolve() {
	if c.RedisURL == NoRedis {
		c.RedisURL = ""
	}
	if c.JWKSURL == "" {
		c.JWKSURL = strings.TrimSuffix(c.IssuerURL, "/") + "/.well-known/jwks.json"
	}
	if c.RenewURL == "" {
		c.RenewURL = strings.TrimSuffix(c.IssuerURL, "/") + "/v1/refresh"
	}
	if c.EdgeID == "" {
		c.EdgeID = randomEdgeID()
	}
}

// randomEdgeID keeps to edgeIDForm whatever the host is called.
func randomEdgeID() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "edge"
	}
	plain := strings.Map(func(r rune) rune {
		if !edgeIDForm.MatchString(string(r)) {
			return '-'
		}
		return r
	}, host)
	return plain[:min(len(plain), 48)] + "-" + strings.ToLower(rand.Text()[:6])
}

// LogValue shows the settings as the start-up print does.
func (c Edge) LogValue() slog.Value { return slog.GroupValue(Redacted(&c)...) }
