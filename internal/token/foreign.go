package token

import (
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
// so may any path.
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
	// ClockSkew is how far the issuer's clock may be ahead of the store's.
	ClockSkew time.Duration
	// IATOptional accepts tokens without iat. That they live no longer than
	// MaxLifetime is then taken on trust.
	IATOptional bool
	Keys        KeySource
}

func (c ForeignConfig) check() error {
	known := []string{RS256, ES256, EdDSA}
	switch {
	case c.Issuer == "" || c.Audience == "" || c.Keys == nil:
		return errors.New("token: a trusted issuer needs a name, an audience and keys")
	case c.MaxLifetime <= 0 || c.ClockSkew < 0:
		return errors.New("token: a trusted issuer needs a longest lifetime, and no negative clock skew")
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

func (f *foreign) verify(ctx context.Context, p parsed) (Claims, error) {
	switch {
	case !slices.ContainsFunc(f.Types, func(typ string) bool { return sameType(typ, p.typ) }):
		return Claims{}, fmt.Errorf("%w: not of a type that this issuer's access tokens have", ErrInvalid)
	case !slices.Contains(f.Algorithms, p.alg):
		return Claims{}, fmt.Errorf("%w: not an algorithm of this issuer", ErrInvalid)
	}
	key, err := p.verifiedBy(ctx, f.Keys)
	if err != nil {
		return Claims{}, err
	}
	m, err := f.members(p.payload)
	if err != nil {
		return Claims{}, err
	}
	c, notBefore, err := f.claims(m)
	if err != nil {
		return Claims{}, err
	}
	c.KeyID, c.withdrawn = key.id, key.withdrawn
	return c, f.accept(&c, notBefore)
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

// accept checks expiry last: "expired" is only said of a token that was good.
func (f *foreign) accept(c *Claims, notBefore time.Time) error {
	now := f.now()
	latest := now.Add(f.leeway)
	switch {
	case c.Issuer != f.Issuer:
		return fmt.Errorf("%w: another issuer", ErrInvalid)
	case !slices.Contains(c.Audience, f.Audience):
		return fmt.Errorf("%w: another audience", ErrInvalid)
	case c.Tenant == "":
		return fmt.Errorf("%w: no tenant", ErrInvalid)
	case c.ID == "" && c.SessionID == "" && c.Subject == "":
		return fmt.Errorf("%w: nothing by which it could be revoked", ErrInvalid)
	case !storable(c.ID) || !storable(c.SessionID) || !storable(c.Subject) || !storable(c.Tenant):
		return fmt.Errorf("%w: an id longer than %d bytes or not UTF-8", ErrInvalid, MaxID)
	case !plausible(c.ExpiresAt):
		return fmt.Errorf("%w: exp missing or out of range", ErrInvalid)
	case notBefore.After(latest):
		return fmt.Errorf("%w: not valid yet", ErrInvalid)
	}
	if err := f.acceptLifetime(c, latest); err != nil {
		return err
	}
	if !now.Before(c.ExpiresAt.Add(f.leeway)) {
		return ErrExpired
	}
	return nil
}

func storable(id string) bool { return len(id) <= MaxID && utf8.ValidString(id) }

// acceptLifetime refuses a token that may outlive its revocation.
func (f *foreign) acceptLifetime(c *Claims, latest time.Time) error {
	begin := c.IssuedAt
	switch {
	case begin.IsZero() && f.IATOptional:
		begin = latest // the least that can be said
	case !plausible(begin):
		return fmt.Errorf("%w: iat missing or out of range", ErrInvalid)
	case begin.After(latest.Add(maxSkew)):
		return fmt.Errorf("%w: issued in the future", ErrInvalid)
	}
	if c.ExpiresAt.Sub(begin) > f.MaxLifetime {
		return fmt.Errorf("%w: lives longer than this issuer's tokens may", ErrInvalid)
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
