package cli

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/token"
)

// examine verifies an access token as an edge would, at the issuer's time.
func (in *inspection) examine(ctx context.Context, t *target, raw, audience string) error {
	about, err := t.client.Metadata(ctx)
	if err != nil {
		return err
	}
	jwks, now, err := t.client.JWKS(ctx)
	if err != nil {
		return err
	}
	if in.Now = now; now.IsZero() {
		in.Now = time.Now()
	}
	in.AheadMS = time.Since(in.Now).Round(time.Second).Milliseconds()
	if in.Header, in.Claims, err = takeApart(raw); err != nil {
		in.Problem, in.Revoked = err.Error(), "not asked"
		return nil
	}
	if audience == "" {
		audience = audienceOf(in.Claims)
	}
	err = verify(ctx, token.VerifierConfig{Issuer: about.Issuer, Audience: audience, Now: func() time.Time { return in.Now }}, jwks, raw)
	in.Verified = err == nil
	secret := in.Header["alg"] == "HS256" && in.Claims["iss"] == about.Issuer
	switch {
	case in.Verified || secret: // a token of somebody else is nobody's business here
		return in.ask(ctx, t, raw)
	default:
		in.Problem, in.Revoked = err.Error(), "not asked"
	}
	return nil
}

func verify(ctx context.Context, cfg token.VerifierConfig, jwks []byte, raw string) (err error) {
	if cfg.Keys, err = token.ReadKeys(jwks); err != nil {
		return err
	}
	v, err := token.NewVerifier(cfg)
	if err != nil {
		return errors.New("it names no audience")
	}
	_, err = v.Verify(ctx, raw)
	return err
}

// ask finds out whether the token is revoked.
func (in *inspection) ask(ctx context.Context, t *target, raw string) error {
	if t.client.Bearer == "" && t.known.Session == nil {
		in.Revoked = "not known: asking takes an admin"
		return in.unverified()
	}
	var active bool
	err := t.asAdmin(ctx, func(c *apiclient.Client) (err error) {
		active, err = c.Introspect(ctx, raw)
		return err
	})
	switch p, refused := errors.AsType[*apiclient.Problem](err); {
	case refused:
		in.Revoked = "not known: " + p.Error()
		return in.unverified()
	case err != nil:
		return err
	case active:
		in.Revoked = "no"
	default:
		in.Revoked, in.Problem = "yes", "it, its session or something larger was revoked, or has ended"
	}
	return nil
}

// unverified: what neither we nor the issuer could look at is not good.
func (in *inspection) unverified() error {
	if !in.Verified {
		in.Problem = "it cannot be verified here: that takes its issuer, asked by an admin"
	}
	return nil
}
