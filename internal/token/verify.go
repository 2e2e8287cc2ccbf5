package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// VerifierConfig says which tokens are meant for us. Issuer, Audience and Keys
// are mandatory.
type VerifierConfig struct {
	Issuer   string
	Audience string
	// Region, if not empty, is the rgn that tokens must have: what is revoked
	// in one region is not known in another.
	Region string
	// Leeway is for how long past its exp a token is still accepted, MaxLeeway
	// at most.
	Leeway time.Duration
	Keys   KeySource
	// Now is the wall clock, time.Now when nil.
	Now func() time.Time
}

// A Verifier decides whether a token was issued to be used here.
type Verifier struct {
	cfg VerifierConfig
}

// NewVerifier refuses a configuration that would leave a check out.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	if cfg.Issuer == "" || cfg.Audience == "" || cfg.Keys == nil || cfg.Leeway < 0 {
		return nil, errors.New("token: a verifier needs an issuer, an audience, keys, and no negative leeway")
	}
	if cfg.Leeway > MaxLeeway {
		return nil, fmt.Errorf("token: a leeway of %v, over %v: tokens would outlive their revocation", cfg.Leeway, MaxLeeway)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Verifier{cfg: cfg}, nil
}

// Verify returns the claims of a good token, or one of this package's errors.
// The claims share no memory with raw, so raw may live in a reused buffer.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	return verify(ctx, raw, v.rulesOf, false)
}

// Authentic returns the claims of a token that is good but for the time: it may
// have expired, or not be valid yet, by this machine's clock. It is for whoever
// ends tokens, because edges have other clocks. No request may pass by it.
func (v *Verifier) Authentic(ctx context.Context, raw string) (Claims, error) {
	return verify(ctx, raw, v.rulesOf, true)
}

// Signed returns the claims of a token that one of our keys has signed, whatever it
// says of issuer, audience, region and time: others of us may have other settings. It
// is for whoever ends tokens. No request may pass by it.
func (v *Verifier) Signed(ctx context.Context, raw string) (Claims, error) {
	return verify(ctx, raw, func(parsed) (rules, error) { return signed{v}, nil }, true)
}

// signed are the rules of a Verifier without those that settings make.
type signed struct{ *Verifier }

func (s signed) authentic(ctx context.Context, p parsed) (c Claims, notBefore time.Time, err error) {
	if c, notBefore, err = s.claims(ctx, p); err != nil {
		return c, notBefore, err
	}
	if err := c.check(); err != nil {
		return c, notBefore, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return c, notBefore, nil
}

// rules are what the tokens of one issuer are held to.
type rules interface {
	// authentic is all that does not depend on the time.
	authentic(ctx context.Context, p parsed) (c Claims, notBefore time.Time, err error)
	// timely is the rest. It checks expiry last: "expired" is only said of a
	// token that was good.
	timely(c *Claims, notBefore time.Time) error
}

func verify(ctx context.Context, raw string, rulesOf func(parsed) (rules, error), anytime bool) (Claims, error) {
	p, err := takeApart(raw)
	if err != nil {
		return Claims{}, err
	}
	r, err := rulesOf(p)
	if err != nil {
		return Claims{}, err
	}
	c, notBefore, err := r.authentic(ctx, p)
	if err == nil && !anytime {
		err = r.timely(&c, notBefore)
	}
	if err != nil {
		return Claims{}, err
	}
	return c, nil
}

func (v *Verifier) rulesOf(parsed) (rules, error) { return v, nil }

func (v *Verifier) authentic(ctx context.Context, p parsed) (c Claims, notBefore time.Time, err error) {
	if c, notBefore, err = v.claims(ctx, p); err == nil {
		err = v.meant(&c)
	}
	return c, notBefore, err
}

// claims reads what one of our keys has signed.
func (v *Verifier) claims(ctx context.Context, p parsed) (c Claims, notBefore time.Time, err error) {
	if !isAccessTokenType(p.typ) {
		return c, notBefore, fmt.Errorf("%w: not typed as an access token", ErrInvalid)
	}
	key, err := p.verifiedBy(ctx, v.cfg.Keys)
	if err != nil {
		return c, notBefore, err
	}
	var w wireClaims
	if err := decodeObject(p.payload, w.field); err != nil {
		return c, notBefore, err
	}
	c = w.claims()
	c.KeyID, c.withdrawn = key.id, key.withdrawn
	return c, w.notBefore.Time, nil
}

// verifiedBy returns the key that has signed the token.
func (p parsed) verifiedBy(ctx context.Context, keys KeySource) (PublicKey, error) {
	key, err := keys.Key(ctx, p.kid)
	switch {
	case err != nil:
		return PublicKey{}, err
	case p.alg != key.Algorithm():
		return PublicKey{}, fmt.Errorf("%w: not the algorithm of this key", ErrInvalid)
	case key.verify(p.signed, p.signature) != nil:
		return PublicKey{}, fmt.Errorf("%w: wrong signature", ErrInvalid)
	}
	return key, nil
}

// meant checks that a token is one of ours, for use here.
func (v *Verifier) meant(c *Claims) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	switch {
	case c.Issuer != v.cfg.Issuer:
		return fmt.Errorf("%w: another issuer", ErrInvalid)
	case !slices.Contains(c.Audience, v.cfg.Audience):
		return fmt.Errorf("%w: another audience", ErrInvalid)
	case v.cfg.Region != "" && c.Region != v.cfg.Region:
		return ErrRegion
	}
	return nil
}

func (v *Verifier) timely(c *Claims, notBefore time.Time) error {
	now := v.cfg.Now()
	switch {
	case c.IssuedAt.After(now.Add(MaxLag)):
		return fmt.Errorf("%w: issued in the future", ErrInvalid)
	case notBefore.After(now.Add(v.cfg.Leeway)):
		return fmt.Errorf("%w: not valid yet", ErrInvalid)
	}
	return v.CheckExpiry(c)
}

// CheckExpiry returns ErrExpired once the token's time is over (RFC 7519
// section 4.1.4: on or after exp, plus the leeway). It does not allocate:
// whoever keeps verified claims calls it at every use.
func (v *Verifier) CheckExpiry(c *Claims) error {
	if v.cfg.Now().Before(c.ExpiresAt.Add(v.cfg.Leeway)) {
		return nil
	}
	return ErrExpired
}
