package deploy_test

import (
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/testenv"
)

type service struct {
	Image       string
	Build       struct{ Context, Dockerfile, Target string }
	Environment map[string]string
	Secrets     []string
	Volumes     []string
	Ports       []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
}

type composeFile struct {
	Services map[string]service
	Secrets  map[string]struct{ File string }
	Volumes  map[string]any
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(read(t, "../docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// names are the settings that a service takes from its environment.
func names(cfg any) []string {
	var out []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(cfg)) {
		if name := f.Tag.Get("koanf"); name != "" {
			env := "CURFEW_" + strings.ToUpper(name)
			out = append(out, env, env+"_FILE")
		}
	}
	return out
}

func TestComposeServices(t *testing.T) {
	c := compose(t)
	targets := map[string]int{}
	for name, s := range c.Services {
		if len(s.Healthcheck.Test) == 0 {
			t.Errorf("%s has no health check", name)
		}
		targets[s.Build.Target]++
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s beyond this machine", name, p)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, named := c.Volumes[source]; !named {
				read(t, filepath.Join("..", source))
			}
		}
		for _, secret := range s.Secrets {
			read(t, filepath.Join("..", c.Secrets[secret].File))
		}
		if s.Build.Target != "" && (s.DependsOn["nats"].Condition != "service_healthy" || s.DependsOn["redis"].Condition != "service_healthy") {
			t.Errorf("%s does not wait for healthy servers", name)
		}
	}
	if targets["issuer"] != 2 || targets["edge"] != 3 {
		t.Errorf("got %v, want two issuers and three edges", targets)
	}
}

// Every service's environment must be one that the service accepts.
func TestComposeEnvironment(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		switch s.Build.Target {
		case "issuer":
			known := names(config.Issuer{})
			loads(t, name, &config.Issuer{}, localEnv(t, c, name, known))
		case "edge":
			known := names(config.Edge{})
			loads(t, name, &config.Edge{}, localEnv(t, c, name, known))
		}
	}
}

// localEnv is a service's environment with the container's paths replaced by
// the files that stand behind them.
func localEnv(t *testing.T, c composeFile, name string, known []string) []string {
	t.Helper()
	var env []string
	for key, value := range c.Services[name].Environment {
		if !slices.Contains(known, key) {
			t.Errorf("%s: no such setting: %s", name, key)
		}
		if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
			if !slices.Contains(c.Services[name].Secrets, secret) {
				t.Errorf("%s: %s names secret %s, which it is not given", name, key, secret)
			}
			value = filepath.Join("..", c.Secrets[secret].File)
		}
		if key == "CURFEW_KEYS_DIR" {
			value = t.TempDir()
		}
		env = append(env, key+"="+value)
	}
	return env
}

func loads(t *testing.T, name string, cfg any, env []string) {
	t.Helper()
	cmd := &cobra.Command{Use: name}
	config.Bind(cmd, cfg)
	if err := config.Load(cmd, cfg, env); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestDemoUser(t *testing.T) {
	var f struct {
		Users []struct {
			Username string
			Hash     string `yaml:"password_hash"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "dev/users.yaml")), &f); err != nil || len(f.Users) != 1 {
		t.Fatalf("%d users, %v", len(f.Users), err)
	}
	const password = "wonderland-demo"
	if ok, err := argon2id.ComparePasswordAndHash(password, f.Users[0].Hash); !ok || err != nil {
		t.Fatalf("%s cannot log in with the documented password: %v", f.Users[0].Username, err)
	}
	for _, doc := range []string{"../docker-compose.yml", "dev/users.yaml"} {
		if !strings.Contains(read(t, doc), password) {
			t.Errorf("%s does not tell the password", doc)
		}
	}
}

func TestNATSConfig(t *testing.T) {
	c := compose(t)
	passwords := c.Services["nats"].Environment
	for name, password := range passwords {
		t.Setenv(name, password)
	}
	o, err := server.ProcessConfigFile("nats/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	logins := map[string]string{}
	for _, u := range o.Users {
		logins[u.Username] = u.Password
	}
	for _, name := range []string{"issuer-1", "issuer-2", "edge-1", "edge-2", "edge-3"} {
		u, err := url.Parse(c.Services[name].Environment["CURFEW_NATS_URL"])
		testenv.Must(t, err)
		password, _ := u.User.Password()
		if user := name[:len(name)-2]; u.User.Username() != user || password == "" || logins[user] != password {
			t.Errorf("%s logs in to NATS as %s, want %s with its password", name, u.User, user)
		}
	}
	if !o.JetStream || !o.SyncAlways || o.StoreDir != "/data" {
		t.Errorf("JetStream %v, sync always %v, store %s", o.JetStream, o.SyncAlways, o.StoreDir)
	}
	if test := c.Services["nats"].Healthcheck.Test; o.HTTPPort != 8222 || !strings.Contains(strings.Join(test, " "), ":8222/healthz") {
		t.Errorf("monitoring on %d, health check %v", o.HTTPPort, test)
	}
}

func TestDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	var stages []string
	for _, m := range regexp.MustCompile(`(?m)^FROM \S+ AS (\S+)$`).FindAllStringSubmatch(text, -1) {
		stages = append(stages, m[1])
	}
	for _, want := range []string{"issuer", "edge", "curfew"} {
		if !slices.Contains(stages, want) {
			t.Errorf("no target %s in %v", want, stages)
		}
	}
	for _, s := range compose(t).Services {
		if s.Build.Target != "" && !slices.Contains(stages, s.Build.Target) {
			t.Errorf("no target %s, which docker-compose.yml builds", s.Build.Target)
		}
	}
	known := append(names(config.Issuer{}), names(config.Edge{})...)
	for _, env := range regexp.MustCompile(`CURFEW_[A-Z_]+`).FindAllString(text, -1) {
		if !slices.Contains(known, env) {
			t.Errorf("no such setting: %s", env)
		}
	}
}
