package cli

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/token"
)

func tokenCommand(version string) *cobra.Command {
	return group("token", "look into tokens", tokenInspect(version))
}

func tokenInspect(version string) *cobra.Command {
	o := &options{version: version}
	var file, audience string
	cmd := &cobra.Command{
		Use: "inspect", Short: "verify a token and explain it; exit code 0 if it is good",
		Long: "Verify a token with the issuer's public keys and explain it. The token comes from a file or from\n" +
			"standard input, never as an argument, and is never printed. Times are told by the issuer's clock.\n" +
			"Whether it is revoked is asked if we may: it takes an admin.",
		Example: "  pbpaste | curfew token inspect",
	}
	leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		raw, err := readToken(cmd, file)
		if err != nil {
			return err
		}
		return t.inspect(cmd.Context(), raw, audience)
	})
	cmd.Flags().StringVar(&file, "file", "", "`file` that holds the token (default: standard input)")
	cmd.Flags().StringVar(&audience, "audience", "", "the `aud` it must have (default: whatever it has)")
	return cmd
}

func readToken(cmd *cobra.Command, file string) (raw string, err error) {
	if file != "" {
		raw, err = readSecret(cmd, file)
	} else {
		raw, err = askSecret(cmd, bufio.NewReaderSize(cmd.InOrStdin(), maxSecret), "Token: ")
	}
	if err != nil {
		return "", usage("the token: no line that can be read")
	}
	raw = strings.TrimSpace(raw)
	if scheme, rest, ok := strings.Cut(raw, " "); ok && strings.EqualFold(scheme, "bearer") {
		raw = strings.TrimSpace(rest)
	}
	return raw, nil
}

// An inspection is what there is to know of a token, but for its text.
type inspection struct {
	Good    bool           `json:"good"`
	Kind    string         `json:"kind"`              // access or refresh
	Problem string         `json:"problem,omitempty"` // why it is not good
	Header  map[string]any `json:"header,omitempty"`
	Claims  map[string]any `json:"claims,omitempty"`
	// Verified: signature, form, issuer and audience are right and it is not
	// expired.
	Verified bool      `json:"verified"`
	Revoked  string    `json:"revoked"`     // yes, no, or why nobody can tell
	Now      time.Time `json:"issuer_time"` // by the issuer's clock
	// AheadMS is how far this machine's clock is before the issuer's.
	AheadMS int64 `json:"clock_ahead_ms"`
}

func (t *target) inspect(ctx context.Context, raw, audience string) error {
	in := inspection{Kind: "access"}
	var err error
	if strings.HasPrefix(raw, "cfr_") {
		in.Kind, in.Now = "refresh", time.Now()
		err = in.ask(ctx, t, raw)
	} else {
		err = in.examine(ctx, t, raw, audience)
	}
	if err != nil {
		return err
	}
	in.Good = in.Problem == ""
	if err := t.out.print(in, in.rows()); err != nil {
		return err
	}
	if !in.Good {
		return errors.New("the token is not good: " + in.Problem)
	}
	return nil
}

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
