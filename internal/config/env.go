package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
)

// Kubernetes sets these in every container for each service of the namespace;
// a service named curfew-… makes them look like ours.
var serviceLink = regexp.MustCompile(
	`^CURFEW_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

func (l *loader) loadEnv(environ []string, known []any) {
	own, others := map[string]string{}, map[string]bool{}
	for key := range l.byKey {
		own[envPrefix+strings.ToUpper(key)] = key
	}
	for _, cfg := range known {
		for _, f := range fieldsOf(cfg) {
			others[f.env()] = true
			others[f.env()+"_FILE"] = f.hasFile()
		}
	}
	values := map[string]any{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		key, mine := own[name]
		switch {
		case !strings.HasPrefix(name, envPrefix):
		case mine && value != "":
			values[key], l.spelling[key] = value, name
		case !mine && !others[name] && !serviceLink.MatchString(name):
			l.problem(name, "unknown environment variable"+suggest(name, slices.Collect(maps.Keys(own))))
		}
	}
	l.add(confmap.Provider(values, ""))
}
