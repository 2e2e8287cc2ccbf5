package cli

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/cli/contexts"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

const (
	defaultIssuer = "http://localhost:8080"
	maxSecret     = 64 << 10 // bytes of a file or an input with a secret
)

// A target is the cluster that a command is about, and how to speak with it.
type target struct {
	version string
	name    string // of its context; empty: there is none
	known   contexts.Context
	client  *apiclient.Client
	out     printer
}

// target finds the cluster: flags over environment over the context. The
// secrets of a context are for its own issuer; with another one the context
// counts as absent.
func (o *options) target(cmd *cobra.Command) (*target, error) {
	out, err := newPrinter(o.format, cmd.OutOrStdout())
	if err != nil {
		return nil, err
	}
	t := &target{out: out, version: o.version}
	issuer, err := t.find(o)
	if err != nil {
		return nil, err
	}
	files := serverFiles(o.server)
	if files == (tlsfiles.Files{}) {
		files = t.known.Server()
	}
	server, err := tlsfiles.Peer{Files: files}.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, usage("--ca, --cert and --key, CURFEW_ISSUER_CA, _CERT and _KEY, or those of the context: %v", err)
	}
	for _, url := range []string{issuer, o.admin, t.known.AdminURL} {
		if files != (tlsfiles.Files{}) && strings.HasPrefix(strings.ToLower(url), "http://") {
			return nil, usage("authorities or a certificate are given, and the issuer is at http://: nothing would be encrypted")
		}
	}
	t.client = apiclient.New(issuer, o.version, server)
	if t.client.Admin = o.admin; o.admin == "" {
		t.client.Admin = t.known.AdminURL
	} else if err := contexts.CheckURL(o.admin); err != nil {
		return nil, usage("--admin-url: %v", err)
	}
	t.client.Bearer, err = o.adminSecret(cmd)
	if t.client.Bearer == "" {
		t.client.Bearer = t.known.AdminToken
	}
	return t, err
}

// find sets the context and returns the issuer's URL.
func (t *target) find(o *options) (string, error) {
	file, err := contexts.Load()
	if err != nil {
		return "", err
	}
	issuer := strings.TrimRight(o.issuer, "/")
	if issuer == "" && o.context == "" {
		issuer = strings.TrimRight(os.Getenv("CURFEW_ISSUER_URL"), "/")
	}
	if issuer != "" && contexts.CheckURL(issuer) != nil {
		return "", usage("--issuer, or CURFEW_ISSUER_URL: %v", contexts.CheckURL(issuer))
	}
	switch t.name = o.context; {
	case o.context != "" && issuer != "":
		return "", usage("--context and --issuer say the same thing twice: give one")
	case o.context == "" && issuer == "":
		t.name = file.Current
	case o.context == "":
		t.name = file.OfIssuer(issuer)
	}
	known, found := file.Contexts[t.name]
	switch {
	case found:
		t.known = known
		return known.Issuer, nil
	case o.context != "":
		return "", usage("--context: no such context; curfew context list shows them")
	}
	t.name = ""
	if issuer == "" {
		issuer = defaultIssuer
	}
	return issuer, nil
}

// adminSecret is the admin's token from flags or environment, or nothing.
func (o *options) adminSecret(cmd *cobra.Command) (string, error) {
	token, file := o.adminToken, o.adminTokenFile
	if token != "" && file != "" {
		return "", usage("--admin-token and --admin-token-file: give one")
	}
	if token == "" && file == "" {
		token, file = os.Getenv("CURFEW_ADMIN_TOKEN"), os.Getenv("CURFEW_ADMIN_TOKEN_FILE")
		if token != "" && file != "" {
			return "", usage("CURFEW_ADMIN_TOKEN and CURFEW_ADMIN_TOKEN_FILE: give one")
		}
	}
	if file == "" {
		return token, sendable(token)
	}
	secret, err := readSecret(cmd, file)
	if err != nil {
		return "", usage("the file of the admin's token: %v", err)
	}
	return secret, sendable(secret)
}

// sendable refuses a token that no header can hold, such as one with a second
// line, before that looks like an issuer that does not answer.
func sendable(token string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return usage("the admin's token has a blank, a line break or another character that no token has: is it more than the token?")
	}
	return nil
}

// readSecret reads a file, or standard input for "-". The path is not repeated:
// whoever confuses the two flags has put the secret there.
func readSecret(cmd *cobra.Command, path string) (string, error) {
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", errors.Unwrap(err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
	secret := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case err != nil:
		return "", errors.New("cannot be read")
	case secret == "":
		return "", errors.New("is empty")
	case len(data) > maxSecret:
		return "", errors.New("is too large")
	}
	return secret, nil
}
