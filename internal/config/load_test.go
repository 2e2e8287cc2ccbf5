package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/config"
)

type sample struct {
	Name  string        `koanf:"name" default:"plain" usage:"a name"`
	Wait  time.Duration `koanf:"wait_for" default:"5s" usage:"a wait"`
	Count int           `koanf:"count" default:"3" usage:"a count"`
	Quick bool          `koanf:"quick" usage:"a switch"`
	Token string        `koanf:"token" secret:"true" usage:"token"`
	Link  string        `koanf:"link" secret:"url" usage:"a link"`
}

// run binds, parses args and loads, as a command does.
func run(t *testing.T, cfg any, args, environ []string) error {
	t.Helper()
	cmd := &cobra.Command{Use: "sample", SilenceErrors: true, SilenceUsage: true}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return config.Load(cmd, cfg, environ) }
	config.Bind(cmd, cfg)
	cmd.SetArgs(append([]string{}, args...))
	return cmd.Execute()
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultsHold(t *testing.T) {
	var got sample
	if err := run(t, &got, nil, []string{"PATH=/bin", "HOME=/"}); err != nil {
		t.Fatal(err)
	}
	if want := (sample{Name: "plain", Wait: 5 * time.Second, Count: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var direct sample
	if config.Defaults(&direct); direct != got {
		t.Errorf("Defaults gives %+v, Load %+v", direct, got)
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, "c.yaml", "name: file\nwait_for: 1m\ncount: 7\nquick: true\n")
	env := []string{"CURFEW_NAME=env", "CURFEW_WAIT_FOR=2m", "CURFEW_QUICK="}
	var got sample
	if err := run(t, &got, []string{"--config", file, "--name=flag"}, env); err != nil {
		t.Fatal(err)
	}
	if want := (sample{Name: "flag", Wait: 2 * time.Minute, Count: 7, Quick: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFlagForms(t *testing.T) {
	var got sample
	if err := run(t, &got, []string{"--quick", "--wait-for", "3s", "--name="}, []string{"CURFEW_NAME=env"}); err != nil {
		t.Fatal(err)
	}
	if !got.Quick || got.Wait != 3*time.Second || got.Name != "" {
		t.Errorf("got %+v", got)
	}
}

func TestYAMLTextIsTakenAsWritten(t *testing.T) {
	for text, want := range map[string]string{"0123": "0123", "1e3": "1e3", `""`: "", "true": "true", `"null"`: "null"} {
		var got sample
		if err := run(t, &got, []string{"--config", write(t, "c.yaml", "name: "+text)}, nil); err != nil || got.Name != want {
			t.Errorf("name: %s gives %q, %v; want %q", text, got.Name, err, want)
		}
	}
	var got sample
	if err := run(t, &got, []string{"--config", write(t, "c.yaml", "# nothing\n")}, nil); err != nil {
		t.Errorf("file of comments: %v", err)
	}
}

// Every line must be there, name the setting as it was given, and be alone.
func TestProblemsAreReportedTogether(t *testing.T) {
	file := write(t, "c.yaml", "nam: x\ncount: many\n")
	env := []string{"CURFEW_WAIT_FOR=5", "CURFEW_WAIT_FRO=5s", "CURFEW_TOKEN_FILE=/does/not/exist"}
	err := run(t, &sample{}, []string{"--config", file, "--quick=maybe"}, env)
	want := []string{
		"c.yaml:1: nam: unknown setting, did you mean name?",
		"CURFEW_WAIT_FRO: unknown environment variable, did you mean CURFEW_WAIT_FOR?",
		`CURFEW_WAIT_FOR: want a duration such as 5s or 15m, got "5"`,
		`c.yaml:2: count: want a whole number, got "many"`,
		`--quick: want true or false, got "maybe"`,
		"CURFEW_TOKEN_FILE: cannot read the file: no such file or directory",
	}
	if err == nil {
		t.Fatal("no error")
	}
	if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !errors.Is(err, config.ErrUsage) || config.ExitCode(err) != 2 {
		t.Errorf("exit code %d, want 2", config.ExitCode(err))
	}
}

func TestBadInput(t *testing.T) {
	long := "name: " + strings.Repeat("a", 1<<20)
	for name, c := range map[string]struct {
		yaml string
		args []string
		env  []string
		want string
	}{
		"syntax":         {yaml: "name: [", want: "c.yaml: yaml: line 1"},
		"list":           {yaml: "- name", want: "c.yaml: is not a mapping"},
		"scalar":         {yaml: "name", want: "c.yaml: is not a mapping"},
		"nested":         {yaml: "name: {a: b}", want: "c.yaml:1: name: want a single value"},
		"alias":          {yaml: "name: &x y\nlink: *x", want: "c.yaml:2: link: want a single value"},
		"twice":          {yaml: "name: a\nname: b", want: "c.yaml:2: name: given twice"},
		"null":           {yaml: "name:", want: "c.yaml:1: name: has no value"},
		"two documents":  {yaml: "name: a\n---\nname: b", want: "more than one YAML document"},
		"too large":      {yaml: long, want: "larger than 1048576 bytes"},
		"no file":        {args: []string{"--config", "/does/not/exist"}, want: `--config "/does/not/exist": cannot read the file`},
		"wrong case":     {yaml: "Name: a", want: "c.yaml:1: Name: unknown setting, did you mean name?"},
		"nothing near":   {yaml: "zzzzzzzz: a", want: "c.yaml:1: zzzzzzzz: unknown setting"},
		"unknown flag":   {args: []string{"--nane=x"}, want: "--nane: unknown flag, did you mean --name?"},
		"no value":       {args: []string{"--name"}, want: "flag needs an argument"},
		"secret flag":    {args: []string{"--token=x"}, want: "--token: unknown flag"},
		"argument":       {args: []string{"stray"}, want: "takes no arguments"},
		"env of no one":  {env: []string{"CURFEW_FOO_PORTAL=1"}, want: "CURFEW_FOO_PORTAL: unknown environment variable"},
		"file of no one": {env: []string{"CURFEW_NAME_FILE=/x"}, want: "CURFEW_NAME_FILE: unknown environment variable"},
		"overflow":       {env: []string{"CURFEW_COUNT=99999999999999999999"}, want: "CURFEW_COUNT: want a whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			args := c.args
			if c.yaml != "" {
				args = append(args, "--config", write(t, "c.yaml", c.yaml))
			}
			err := run(t, &sample{}, args, c.env)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if config.ExitCode(err) != 2 {
				t.Errorf("exit code %d, want 2", config.ExitCode(err))
			}
		})
	}
}

// The prefix that all variables share makes none a likely misspelling of another.
func TestNoFarFetchedSuggestion(t *testing.T) {
	err := run(t, &sample{}, nil, []string{"CURFEW_BOGUS=1"})
	if err == nil || err.Error() != "CURFEW_BOGUS: unknown environment variable" {
		t.Errorf("got %v", err)
	}
}

func TestSharedEnvironment(t *testing.T) {
	env := []string{
		"CURFEW_KEYS_DIR=/k", "CURFEW_UPSTREAM=http://x", "CURFEW_ADMIN_TOKEN_FILE=/t",
		"CURFEW_SERVICE_HOST=1", "CURFEW_PORT=tcp://1", "CURFEW_EDGE_SERVICE_PORT_HTTP=1",
		"CURFEW_EDGE_PORT_8080_TCP_ADDR=1", "CURFEW_EDGE_PORT_8080_TCP=1",
	}
	if err := run(t, &sample{}, nil, env); err != nil {
		t.Error(err)
	}
}

func TestCheckOnly(t *testing.T) {
	cmd := &cobra.Command{Use: "sample", Run: func(*cobra.Command, []string) {}}
	config.Bind(cmd, &sample{})
	cmd.SetArgs([]string{"--check-config"})
	if err := cmd.Execute(); err != nil || !config.CheckOnly(cmd) {
		t.Errorf("CheckOnly %v, %v", config.CheckOnly(cmd), err)
	}
}

func TestExitCode(t *testing.T) {
	if got := []int{config.ExitCode(nil), config.ExitCode(errors.New("x"))}; !slices.Equal(got, []int{0, 1}) {
		t.Errorf("got %v", got)
	}
}
