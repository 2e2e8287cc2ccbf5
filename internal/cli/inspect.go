package cli

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
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
	if err != nil && file == "" {
		return "", unread("token", err)
	}
	if err != nil {
		return "", usage("--file: %v", err)
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
