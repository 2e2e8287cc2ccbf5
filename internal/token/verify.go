package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxSkew is how far, beyond the leeway, an iat may lie in this machine's
// future. Generous on purpose: wall clocks may be wrong by minutes, and
// nothing but plausibility rests on iat.
const maxSkew = 10 * time.Minute

// VerifierConfig says which tokens are meant for us. Issuer, Audience and Keys
// are mandatory.
type VerifierConfig struct {
	Issuer   string
	Audience string
	// Leeway is for how long past its exp a token is still accepted.
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
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Verifier{cfg: cfg}, nil
}

// Verify returns the claims of a good token, or one of this package's errors.
// The claims share no memory with raw, so raw may live in a reused buffer.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	p, err := takeApart(raw)
	if err != nil {
		return Claims{}, err
	}
	return v.verify(ctx, p)
}

func (v *Verifier) verify(ctx context.Context, p parsed) (Claims, error) {
	if !isAccessTokenType(p.typ) {
		return Claims{}, fmt.Errorf("%w: not typed as an access token", ErrInvalid)
	}
	key, err := p.verifiedBy(ctx, v.cfg.Keys)
	if err != nil {
		return Claims{}, err
	}
	return v.readClaims(p.payload, key)
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

func (v *Verifier) readClaims(payload string, key PublicKey) (Claims, error) {
	var w wireClaims
	if err := decodeObject(payload, w.field); err != nil {
		return Claims{}, err
	}
	c := w.claims()
	c.KeyID, c.withdrawn = key.id, key.withdrawn
	if err := v.accept(&c, dateOf(w.NotBefore)); err != nil {
		return Claims{}, err
	}
	return c, nil
}

// accept checks expiry last: "expired" is only said of a token that was good.
func (v *Verifier) accept(c *Claims, notBefore time.Time) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	latest := v.cfg.Now().Add(v.cfg.Leeway)
	switch {
	case c.Issuer != v.cfg.Issuer:
		return fmt.Errorf("%w: another issuer", ErrInvalid)
	case !slices.Contains(c.Audience, v.cfg.Audience):
		return fmt.Errorf("%w: another audience", ErrInvalid)
	case c.IssuedAt.After(latest.Add(maxSkew)):
		return fmt.Errorf("%w: issued in the future", ErrInvalid)
	case notBefore.After(latest):
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
