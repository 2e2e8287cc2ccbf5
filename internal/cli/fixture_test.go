package cli_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/cli"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
	"github.com/curfew-auth/curfew/internal/up"
)

var update = flag.Bool("update", false, "write the golden files anew")

// cluster is one for all tests: they use users of their own.
var cluster = sync.OnceValues(func() (*up.Cluster, error) {
	return up.Start(context.Background(), up.Options{Edges: 2, Log: slog.New(slog.DiscardHandler)})
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if c, err := cluster(); err == nil {
		if err := c.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// A shell is a user with an empty configuration directory. The cluster's admin
// token and issuer are in the environment.
type shell struct {
	t       *testing.T
	cluster *up.Cluster
	dir     string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	ceiling.Of(t, 4*time.Minute) // each command has one of its own
	c, err := cluster()
	testenv.Must(t, err)
	s := &shell{t: t, cluster: c, dir: t.TempDir()}
	t.Setenv("XDG_CONFIG_HOME", s.dir)
	t.Setenv("CURFEW_ISSUER_URL", c.IssuerURL)
	t.Setenv("CURFEW_ADMIN_TOKEN", c.AdminToken)
	t.Setenv("CURFEW_ADMIN_TOKEN_FILE", "")
	return s
}

// awaitReports waits until the issuer has heard of all edges what they are by
// now: they report once a second, and a cluster may be younger.
func (s *shell) awaitReports() {
	s.t.Helper()
	c := apiclient.New(s.cluster.IssuerURL, "test", nil)
	c.Bearer = s.cluster.AdminToken
	testenv.Eventually(s.t, time.Minute, func() error {
		f, err := c.Fleet(s.t.Context())
		for _, e := range f.Edges {
			if e.State != "fresh" || e.LagMessages != 0 || e.Store != "vouched" {
				err = fmt.Errorf("%s reports %s, %s", e.ID, e.State, e.Store)
			}
		}
		if err == nil && len(f.Edges) != len(s.cluster.EdgeURLs) {
			err = fmt.Errorf("%d edges report", len(f.Edges))
		}
		return err
	})
}

func (s *shell) file() string { return filepath.Join(s.dir, "curfew", "contexts.yaml") }

type outcome struct {
	t              *testing.T
	code           int
	stdout, stderr string
	err            error
}

// run runs one command with nothing on standard input.
func (s *shell) run(args ...string) outcome { s.t.Helper(); return s.runWith("", args...) }

func (s *shell) runWith(stdin string, args ...string) outcome {
	s.t.Helper()
	return s.runTo(s.t.Context(), strings.NewReader(stdin), args...)
}

func (s *shell) runTo(ctx context.Context, stdin io.Reader, args ...string) outcome {
	s.t.Helper()
	root := &cobra.Command{Use: "curfew", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(cli.Commands("test")...)
	var stdout, stderr bytes.Buffer
	root.SetIn(stdin)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(args)
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // against hangs
	defer cancel()
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(&stderr, err)
	}
	return outcome{s.t, config.ExitCode(err), stdout.String(), stderr.String(), err}
}

func (o outcome) exits(code int) outcome {
	o.t.Helper()
	if o.code != code {
		o.t.Fatalf("exit code %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	return o
}

// says checks standard error.
func (o outcome) says(texts ...string) outcome {
	o.t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.stderr, text) {
			o.t.Errorf("standard error does not say %q: %s", text, o.stderr)
		}
	}
	return o
}

// prints checks standard output.
func (o outcome) prints(texts ...string) outcome {
	o.t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.stdout, text) {
			o.t.Errorf("standard output does not say %q: %s", text, o.stdout)
		}
	}
	return o
}

func (o outcome) hides(secrets ...string) outcome {
	o.t.Helper()
	for _, secret := range secrets {
		if strings.Contains(o.stdout+o.stderr, secret) {
			o.t.Errorf("a secret is printed: %s%s", o.stdout, o.stderr)
		}
	}
	return o
}

// changing is what differs from run to run, and what stands for it.
var changing = []struct {
	form *regexp.Regexp
	mark string
}{
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "URL"},
	{regexp.MustCompile(`127\.0\.0\.1-\d+`), "HOST"},
	{regexp.MustCompile(`\d{8}T\d{6}Z-[0-9a-f]{8}`), "KID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`\b\d+\.\d+ ms`), "MS"},
	{regexp.MustCompile(`("elapsed_ms"|"seq"|"iat"|"exp"|"iat_ms"): [\d.]+`), "$1: N"},
	{regexp.MustCompile(`(?m)^(seq +|claim +iat_ms +|claim +exp +|claim +iat +)\d+`), "${1}N"},
	{regexp.MustCompile(`expires in [\dms]+`), "expires in SPAN"},
	{regexp.MustCompile(`"clock_ahead_ms": -?\d+`), `"clock_ahead_ms": N`},
	{regexp.MustCompile(`\b[A-Z2-7]{26}\b`), "TEXT"},
	{regexp.MustCompile(`(?m)^(enforced +)(yes|no)$`), "${1}YES OR NO"}, // yes when the issuer has run for a while
	{regexp.MustCompile(`(?m)^(edge-\d +fresh).*(vouched).*(local).*(URL)$`), "$1  …  $2  …  $3  …  $4"},
	{regexp.MustCompile(`(\S)  +`), "$1  "}, // the width of what was replaced
}

// golden compares standard output with a file of testdata.
func (o outcome) golden(name string) {
	o.t.Helper()
	got := o.stdout
	if host, err := os.Hostname(); err == nil {
		got = strings.ReplaceAll(got, host, "MACHINE")
	}
	for _, c := range changing {
		got = c.form.ReplaceAllString(got, c.mark)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		testenv.Must(o.t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	testenv.Must(o.t, err)
	if got != string(want) {
		o.t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// alone moves to a cluster that no other test uses.
func (s *shell) alone() {
	s.t.Helper()
	c, err := up.Start(context.WithoutCancel(s.t.Context()), up.Options{Edges: 1, Log: slog.New(slog.DiscardHandler)})
	testenv.Must(s.t, err)
	s.t.Cleanup(func() { testenv.Must(s.t, c.Close()) })
	s.cluster = c
	s.t.Setenv("CURFEW_ISSUER_URL", c.IssuerURL)
	s.t.Setenv("CURFEW_ADMIN_TOKEN", c.AdminToken)
}
