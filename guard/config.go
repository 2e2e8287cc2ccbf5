package guard

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/version"
)

// Config says what to guard and whom to trust. Fields without a stated default
// are required.
type Config struct {
	// ID is the name of this node, unique in its region: 1 to 64 letters,
	// digits, - or _.
	ID string
	// Region is the one whose log is followed; default "local". Tokens of our
	// issuer that name another, or none, are refused: what is revoked of them
	// is in another log.
	Region string

	// URL is where this node can be reached, for the list of edges that
	// admins see; optional. Version is what it runs; default: this module's.
	// Whatever is not printable ASCII in it becomes a hyphen.
	URL, Version string

	NATSURL   string
	NATSCreds string // credentials file, optional
	// NATSJSPrefix is what the subjects of JetStream's API begin with, where the
	// log is in another account; default $JS.API. NATSInboxPrefix is what the
	// subjects of answers begin with; default _INBOX, and _INBOX is what it MUST
	// begin with.
	NATSJSPrefix, NATSInboxPrefix string
	// NATSTLS verifies the NATS servers, and shows them our certificate; default: by
	// the scheme of the URL and the system's authorities. RedisTLS and IssuerTLS are
	// the same for Redis, whose URL must be a rediss one then, and for JWKSURL.
	NATSTLS, RedisTLS, IssuerTLS *tls.Config
	// RedisURL is the store to ask when the local copy does not know. Empty:
	// such requests are refused.
	RedisURL string

	Issuer   string // the iss of the tokens
	Audience string // the aud of the tokens
	JWKSURL  string // default: below Issuer
	// HS256Secret is the secret of an issuer that signs with HS256, which is
	// then trusted besides the keys of JWKSURL. Whoever holds it can sign.
	HS256Secret string
	// TrustedIssuers are others whose tokens are accepted besides.
	TrustedIssuers []TrustedIssuer

	// Staleness is the bound B; default 5s. Where the issuers' is smaller,
	// theirs holds.
	Staleness time.Duration
	// Leeway is how long after its exp a token is still good; default 5s, at
	// most 4m.
	Leeway time.Duration
	// CacheEntries bounds revoked ids and verified tokens, each; default
	// 1,000,000. Verified tokens take 256 MiB at most.
	CacheEntries int
	// Mode is what Check must know; default Local.
	Mode Mode
	// FailOpen lets requests pass while revocation cannot be known. Every
	// one is counted and the state is logged. Default: refuse. It changes
	// nothing in the mode Strict.
	FailOpen bool

	// Log; default: none. go-redis, whose log belongs to the whole process, writes to
	// that of the first guard: a program with another wish sets it after New.
	Log *slog.Logger
	// TracerProvider traces what becomes of revocations here, and what the
	// store is asked; default: none.
	TracerProvider trace.TracerProvider
	// Registerer takes the metrics; default: none.
	Registerer prometheus.Registerer

	lookupTimeout time.Duration // LookupTimeout, except in tests
}

func (c *Config) setDefaults() error {
	if c.ID == "" || c.NATSURL == "" || c.Issuer == "" || c.Audience == "" {
		return errors.New("guard: ID, NATSURL, Issuer and Audience are required")
	}
	if !fleet.ValidID(c.ID) {
		return errors.New("guard: ID must be 1 to 64 letters, digits, - or _")
	}
	if c.URL != "" && !fleet.ValidURL(c.URL) {
		return errors.New("guard: URL must be http or https, without user, query and fragment")
	}
	if c.Mode > Strict {
		return errors.New("guard: no such Mode")
	}
	if c.Version = shown(cmp.Or(c.Version, version.String())); c.Region == "" {
		c.Region = "local"
	}
	if !fleet.ValidID(c.Region) {
		return errors.New("guard: Region must be 1 to 64 letters, digits, - or _")
	}
	if c.JWKSURL == "" {
		c.JWKSURL = strings.TrimRight(c.Issuer, "/") + "/.well-known/jwks.json"
	}
	if c.Staleness == 0 {
		c.Staleness = 5 * time.Second
	}
	if c.lookupTimeout == 0 {
		c.lookupTimeout = LookupTimeout
	}
	if c.Leeway == 0 {
		c.Leeway = 5 * time.Second
	}
	if c.Leeway < 0 || max(c.Leeway, c.Staleness) > margin || c.Leeway+c.Staleness > margin-maxBehind {
		return fmt.Errorf("guard: Leeway and Staleness must be %v together at most: revocations are not kept for longer", margin-maxBehind)
	}
	if c.CacheEntries == 0 {
		c.CacheEntries = 1_000_000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return nil
}

// shown makes text fit for a report to the issuers, which show it to people.
func shown(text string) string {
	const longest = 64
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '-'
		}
		return r
	}, text)
	return text[:min(len(text), longest)]
}
