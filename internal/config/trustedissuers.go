package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

const (
	maxTrusted     = 100
	maxLifetime    = 30 * 24 * time.Hour
	maxClaimDepth  = 8
	maxClaimName   = 256 // bytes
	maxClockSkew   = 5 * time.Minute
	absentType     = "absent"  // a token without typ
	tenantOfTokens = "default" // of an issuer that knows no tenants
)

var (
	issuerForm = regexp.MustCompile(`^[!-~]{1,512}$`)
	// typForm is a media type, with or without its first half.
	typForm = regexp.MustCompile(`^[A-Za-z0-9!#$&^_.+-]{1,64}(/[A-Za-z0-9!#$&^_.+-]{1,64})?$`)

	foreignAlgorithms = []string{"RS256", "ES256", "EdDSA"}
)

// A TrustedIssuer is somebody else's issuer. Edges accept its tokens, and the
// issuer revocations of them. What is empty is defaulted by package guard.
type TrustedIssuer struct {
	Issuer      string        `yaml:"issuer"`       // the iss
	MaxLifetime time.Duration `yaml:"max_lifetime"` // of its access tokens

	// An issuer needs the rest for what whoever holds a token may revoke.
	Audience      string        `yaml:"audience"`
	JWKSURL       string        `yaml:"jwks_url"` // empty: by OIDC discovery
	CA            string        `yaml:"ca"`       // PEM file: authorities of the servers of its keys; empty: the system's
	Algorithms    []string      `yaml:"algorithms"`
	Types         []string      `yaml:"types"` // values of the header typ; "absent" for none
	Claims        ClaimNames    `yaml:"claims"`
	DefaultTenant string        `yaml:"default_tenant"`
	ClockSkew     time.Duration `yaml:"clock_skew"`
	IATOptional   bool          `yaml:"iat_optional"`
}

// ClaimNames say where in a token something stands.
type ClaimNames struct {
	User    ClaimPath `yaml:"user"`
	Tenant  ClaimPath `yaml:"tenant"`
	Session ClaimPath `yaml:"session"`
	Roles   ClaimPath `yaml:"roles"`
	Scope   ClaimPath `yaml:"scope"`
}

// A ClaimPath leads to a claim, through the objects it lies in.
type ClaimPath []string

// UnmarshalYAML reads names separated by dots, or a list of names. What begins
// like a URL is one name, as issuers use to keep claims of their own apart.
func (p *ClaimPath) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]string)(p))
	}
	var text string
	if err := node.Decode(&text); err != nil {
		return err
	}
	if *p = strings.Split(text, "."); strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://") {
		*p = ClaimPath{text}
	}
	return nil
}

// String is how a log shows it.
func (t TrustedIssuer) String() string { return t.Issuer }

// Tenant is the tenant of users who are named without one; empty if there is
// none, because tokens name it.
func (t TrustedIssuer) Tenant() string {
	if len(t.Claims.Tenant) > 0 {
		return t.DefaultTenant
	}
	return cmp.Or(t.DefaultTenant, tenantOfTokens)
}

// Server is how the servers of its keys are verified.
func (t TrustedIssuer) Server() tlsfiles.Peer { return tlsfiles.Peer{Files: tlsfiles.Files{CA: t.CA}} }

// HeaderTypes are the Types as a token has them.
func (t TrustedIssuer) HeaderTypes() []string {
	types := slices.Clone(t.Types)
	for i, typ := range types {
		if typ == absentType {
			types[i] = ""
		}
	}
	return types
}

// TrustedIssuers are a list in the file; in the environment YAML in flow form,
// or JSON.
type TrustedIssuers []TrustedIssuer

// UnmarshalText reads the list strictly.
func (ts *TrustedIssuers) UnmarshalText(text []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	var list []TrustedIssuer
	switch err := dec.Decode(&list); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return fmt.Errorf("want a list of {issuer, audience, max_lifetime, …}: %s", strings.ReplaceAll(err.Error(), "\n", ""))
	case !errors.Is(dec.Decode(&yaml.Node{}), io.EOF):
		return errors.New("want one list")
	}
	*ts = list
	return nil
}

// Find returns the entry of an issuer.
func (ts TrustedIssuers) Find(issuer string) (TrustedIssuer, bool) {
	i := slices.IndexFunc(ts, func(t TrustedIssuer) bool { return t.Issuer == issuer })
	if i < 0 {
		return TrustedIssuer{}, false
	}
	return ts[i], true
}

const trustedSetting = "trusted_issuers"

func (ts TrustedIssuers) check(p *checks, own string) {
	p.that(trustedSetting, len(ts) <= maxTrusted, "want at most %d entries, got %d", maxTrusted, len(ts))
	seen := map[string]bool{own: true}
	for n, t := range ts {
		var entry checks
		t.check(&entry)
		t.Claims.check(&entry)
		entry.that("issuer", !seen[t.Issuer], "given twice, or our own issuer_url")
		seen[t.Issuer] = true
		for _, err := range entry.errs {
			p.that(trustedSetting, false, "entry %d: %s", n+1, err)
		}
	}
}

func (t TrustedIssuer) check(p *checks) {
	p.matches("issuer", t.Issuer, issuerForm, "1 to 512 visible ASCII characters")
	within(p, "max_lifetime", t.MaxLifetime, time.Minute, maxLifetime)
	if t.JWKSURL == "" {
		p.plainLink("issuer", t.Issuer) // which discovery needs
	} else if u := p.link("jwks_url", t.JWKSURL, "https", "http"); u != nil {
		p.that("jwks_url", u.User == nil && u.Fragment == "", "must not hold a user name, a password or a fragment")
	}
	if err, wrong := errors.AsType[*tlsfiles.Error](t.Server().Check()); wrong {
		p.that("ca", false, "%s", err.Reason)
	}
	p.encrypted("jwks_url", cmp.Or(t.JWKSURL, t.Issuer), "ca", t.Server())
	for _, alg := range t.Algorithms {
		p.oneOf("algorithms", alg, foreignAlgorithms...)
	}
	for _, typ := range t.Types {
		p.matches("types", typ, typForm, "at+jwt, JWT or the like, or absent")
	}
	if t.ClockSkew != 0 {
		within(p, "clock_skew", t.ClockSkew, time.Second, maxClockSkew)
	}
	p.that("default_tenant", len(t.DefaultTenant) <= maxTenant && utf8.ValidString(t.DefaultTenant), "want UTF-8 of at most %d bytes", maxTenant)
}

func (c ClaimNames) check(p *checks) {
	for _, path := range []ClaimPath{c.User, c.Tenant, c.Session, c.Roles, c.Scope} {
		p.that("claims", len(path) <= maxClaimDepth, "a path has at most %d names", maxClaimDepth)
		for _, name := range path {
			p.that("claims", name != "" && len(name) <= maxClaimName && utf8.ValidString(name),
				"want names such as sub or realm_access.roles, or a list of names")
		}
	}
}

// checkAccepted is what an edge needs besides.
func (ts TrustedIssuers) checkAccepted(p *checks) {
	for n, t := range ts {
		p.that(trustedSetting, audienceForm.MatchString(t.Audience),
			"entry %d: audience: want 1 to 255 visible ASCII characters, got %s", n+1, quote(t.Audience))
	}
}
