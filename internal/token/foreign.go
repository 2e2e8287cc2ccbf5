package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ForeignConfig says which tokens of somebody else's issuer are meant for us,
// and where they say what. Tenant and DefaultTenant may be empty, but not both;
// so may any path but User.
type ForeignConfig struct {
	Issuer, Audience string
	// Algorithms are some of RS256, ES256 and EdDSA.
	Algorithms []string
	// Types are the values of the header typ that access tokens have. The
	// empty one stands for none.
	Types []string
	// User, Session, Tenant, Roles and Scope lead to claims, through the
	// objects that they lie in.
	User, Session, Tenant, Roles, Scope []string
	// DefaultTenant is that of tokens that name none. If it is empty too,
	// they are refused.
	DefaultTenant string
	// MaxLifetime is how long its access tokens may live. Revocations of
	// them are kept no longer, so a token that lives longer is refused.
	MaxLifetime time.Duration
	// ClockSkew is how far the issuer's clock may be ahead of the store's and of
	// ours. A token that is stamped further ahead is refused.
	ClockSkew time.Duration
	// IATOptional accepts tokens without iat. That they live no longer than
	// MaxLifetime is then taken on trust.
	IATOptional bool
	Keys        KeySource
}

const (
	defaultTenant    = "default"
	defaultClockSkew = 5 * time.Second
)

// WithDefaults fills in what may be left out, for edges and issuers alike: the
// life of a revocation rests on the same values as what an edge accepts.
func (c ForeignConfig) WithDefaults() ForeignConfig {
	or := func(given []string, otherwise ...string) []string {
		if len(given) > 0 {
			return slices.Clone(given)
		}
		return otherwise
	}
	c.Algorithms, c.Types = or(c.Algorithms, RS256, ES256, EdDSA), or(c.Types, "at+jwt")
	c.User, c.Session, c.Tenant = or(c.User, "sub"), or(c.Session, "sid"), or(c.Tenant)
	c.Roles, c.Scope = or(c.Roles, "roles"), or(c.Scope, "scope")
	if len(c.Tenant) == 0 {
		c.DefaultTenant = cmp.Or(c.DefaultTenant, defaultTenant)
	}
	c.ClockSkew = cmp.Or(c.ClockSkew, defaultClockSkew)
	return c
}

func (c ForeignConfig) check() error {
	known := []string{RS256, ES256, EdDSA}
	switch {
	case c.Issuer == "" || c.Audience == "" || c.Keys == nil || len(c.User) == 0:
		return errors.New("token: a trusted issuer needs a name, an audience, keys and a claim that names the user")
	case c.MaxLifetime <= 0 || c.MaxLifetime > maxLifetime || c.ClockSkew < 0 || c.ClockSkew > maxClockSkew:
		return fmt.Errorf("token: a trusted issuer needs a longest lifetime of at most %v, and a clock skew of 0 to %v", maxLifetime, maxClockSkew)
	case len(c.Types) == 0 || len(c.Algorithms) == 0:
		return errors.New("token: a trusted issuer needs types and algorithms")
	case slices.ContainsFunc(c.Algorithms, func(alg string) bool { return !slices.Contains(known, alg) }):
		return fmt.Errorf("token: the algorithms of a trusted issuer are %s", strings.Join(known, ", "))
	case len(c.Tenant) == 0 && c.DefaultTenant == "":
		return errors.New("token: a trusted issuer needs a tenant")
	}
	return nil
}

// A foreign decides about the tokens of one issuer that is not ours.
type foreign struct {
	ForeignConfig
	wanted map[string]struct{} // the members of its claims that are looked at
	leeway time.Duration
	now    func() time.Time
}

func newForeign(cfg ForeignConfig, own VerifierConfig) (*foreign, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	f := &foreign{ForeignConfig: cfg, wanted: map[string]struct{}{}, leeway: own.Leeway, now: own.Now}
	for _, name := range slices.Concat([]string{"iss", "aud", "exp", "nbf", "iat", "jti", "typ", "token_use"}, otherKinds) {
		f.wanted[name] = struct{}{}
	}
	for _, path := range [...][]string{cfg.User, cfg.Session, cfg.Tenant, cfg.Roles, cfg.Scope} {
		if len(path) > 0 {
			f.wanted[path[0]] = struct{}{}
		}
	}
	return f, nil
}

func (f *foreign) authentic(ctx context.Context, p parsed) (c Claims, notBefore time.Time, err error) {
	switch {
	case !slices.ContainsFunc(f.Types, func(typ string) bool { return sameType(typ, p.typ) }):
		return c, notBefore, fmt.Errorf("%w: not of a type that this issuer's access tokens have", ErrInvalid)
	case !slices.Contains(f.Algorithms, p.alg):
		return c, notBefore, fmt.Errorf("%w: not an algorithm of this issuer", ErrInvalid)
	}
	key, err := p.verifiedBy(ctx, f.Keys)
	if err != nil {
		return c, notBefore, err
	}
	m, err := f.members(p.payload)
	if err != nil {
		return c, notBefore, err
	}
	if c, notBefore, err = f.claims(m); err != nil {
		return c, notBefore, err
	}
	c.KeyID, c.withdrawn = key.id, key.withdrawn
	return c, notBefore, f.meant(&c)
}

// sameType compares media types, of which application/ may be left out (RFC
// 7515 section 4.1.9).
func sameType(a, b string) bool {
	const prefix = "application/"
	bare := func(s string) string {
		if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) && !strings.Contains(s[len(prefix):], "/") {
			return s[len(prefix):]
		}
		return s
	}
	return strings.EqualFold(bare(a), bare(b))
}

// meant checks that a token is one of this issuer's, for use here, and lives no
// longer than its revocation.
func (f *foreign) meant(c *Claims) error {
	switch {
	case c.Issuer != f.Issuer:
		return fmt.Errorf("%w: another issuer", ErrInvalid)
	case !slices.Contains(c.Audience, f.Audience):
		return fmt.Errorf("%w: another audience", ErrInvalid)
	case c.Tenant == "":
		return fmt.Errorf("%w: no tenant", ErrInvalid)
	case c.Subject == "":
		return fmt.Errorf("%w: no user", ErrInvalid)
	case !storable(c.ID) || !storable(c.SessionID) || !storable(c.Subject) || !storable(c.Tenant):
		return fmt.Errorf("%w: an id longer than %d bytes or not UTF-8", ErrInvalid, MaxID)
	case !plausible(c.ExpiresAt):
		return fmt.Errorf("%w: exp missing or out of range", ErrInvalid)
	case c.IssuedAt.IsZero() && f.IATOptional:
		return nil // timely sees to its life
	case !plausible(c.IssuedAt):
		return fmt.Errorf("%w: iat missing or out of range", ErrInvalid)
	case c.ExpiresAt.Sub(c.IssuedAt) > f.MaxLifetime:
		return fmt.Errorf("%w: lives longer than this issuer's tokens may", ErrInvalid)
	}
	return nil
}

func storable(id string) bool { return len(id) <= MaxID && utf8.ValidString(id) }

// timely takes no token that is stamped ahead by more than ClockSkew: it would
// outlive its revocation, and cutoffs would spare it. The leeway is not for
// that. Life rests on these bounds.
func (f *foreign) timely(c *Claims, notBefore time.Time) error {
	now := f.now()
	latest := now.Add(f.ClockSkew)
	switch {
	case c.IssuedAt.After(latest):
		return fmt.Errorf("%w: issued in the future, by a clock further ahead than its issuer's may be", ErrInvalid)
	case c.IssuedAt.IsZero() && c.ExpiresAt.Sub(latest) > f.MaxLifetime:
		return fmt.Errorf("%w: lives longer than this issuer's tokens may", ErrInvalid)
	case notBefore.After(now.Add(f.leeway)):
		return fmt.Errorf("%w: not valid yet", ErrInvalid)
	case !now.Before(c.ExpiresAt.Add(f.leeway)):
		return ErrExpired
	}
	return nil
}

// stampOf is what cutoffs are compared with. The issuer's clock is not the
// store's that stamps them, and shows whole seconds: of all the times at which
// the token may have been issued this is the earliest, so that none from before
// a cutoff is spared. Without iat every cutoff covers it.
func (f *foreign) stampOf(issued time.Time) int64 {
	if issued.IsZero() {
		return 1
	}
	return max(1, issued.Add(-f.ClockSkew).UnixMilli())
}
