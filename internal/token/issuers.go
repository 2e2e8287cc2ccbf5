package token

import (
	"context"
	"fmt"
	"time"
)

// Issuers decides about the tokens of several issuers, ours and others. Each
// token is held to the rules of the issuer that it names, and to the keys of
// that one alone.
type Issuers struct {
	*Verifier // ours
	foreign   map[string]*foreign
}

// NewIssuers refuses two of one name.
func NewIssuers(own *Verifier, others ...ForeignConfig) (*Issuers, error) {
	i := &Issuers{Verifier: own, foreign: make(map[string]*foreign, len(others))}
	for _, cfg := range others {
		if _, twice := i.foreign[cfg.Issuer]; twice || cfg.Issuer == own.cfg.Issuer {
			return nil, fmt.Errorf("token: two issuers %q", cfg.Issuer)
		}
		f, err := newForeign(cfg, own.cfg)
		if err != nil {
			return nil, err
		}
		i.foreign[cfg.Issuer] = f
	}
	return i, nil
}

// Verify is Verifier.Verify for all of them. The issuer that a token names is
// read before its signature can be checked, and decides nothing but who is
// asked for the key: nobody, if it is unknown.
func (i *Issuers) Verify(ctx context.Context, raw string) (Claims, error) {
	return verify(ctx, raw, i.rulesOf, false)
}

// Authentic is Verifier.Authentic for all of them.
func (i *Issuers) Authentic(ctx context.Context, raw string) (Claims, error) {
	return verify(ctx, raw, i.rulesOf, true)
}

func (i *Issuers) rulesOf(p parsed) (rules, error) {
	if len(i.foreign) == 0 {
		return i.Verifier, nil
	}
	iss, err := issuerOf(p.payload)
	if err != nil {
		return nil, err
	}
	if f, ok := i.foreign[iss]; ok {
		return f, nil
	}
	if iss != i.cfg.Issuer {
		return nil, fmt.Errorf("%w: another issuer", ErrInvalid)
	}
	return i.Verifier, nil
}

// NamedIssuer is the issuer that a token names, empty if it names none. Nobody
// has vouched for that.
func NamedIssuer(raw string) string {
	p, err := takeApart(raw)
	if err != nil {
		return ""
	}
	iss, _ := issuerOf(p.payload)
	return iss
}

// NamedExpiry is when a token says that it expires, zero if it does not. Nobody has
// vouched for that.
func NamedExpiry(raw string) time.Time {
	var w wireClaims
	if p, err := takeApart(raw); err != nil || decodeObject(p.payload, w.field) != nil {
		return time.Time{}
	}
	return w.claims().ExpiresAt
}

// issuerOf reads the iss of claims that nobody has vouched for yet.
func issuerOf(payload string) (iss string, err error) {
	err = decodeObject(payload, func(name string) any {
		if name == "iss" {
			return &iss
		}
		return ignored{}
	})
	return iss, err
}
