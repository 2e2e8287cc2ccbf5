package config

import (
	"errors"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Load fills the struct that cfg points to, which Bind registered on cmd, and
// calls its Validate and then its Resolve method where it has them. environ
// is in the form of os.Environ. CURFEW_ variables of the issuer, the edge and
// the other structs pointed to by known are let pass, because commands often
// share one environment. The error joins every problem found, as Invalid.
func Load(cmd *cobra.Command, cfg any, environ []string, known ...any) error {
	l := newLoader(cfg)
	l.loadFile(cmd)
	l.loadEnv(environ, append(known, &Issuer{}, &Edge{}))
	l.loadFlags(cmd)
	l.decode()
	l.validate(cfg)
	if len(l.problems) > 0 {
		return errors.Join(l.problems...)
	}
	if r, ok := cfg.(interface{ Resolve() }); ok {
		r.Resolve()
	}
	return nil
}

type loader struct {
	fields   []field
	byKey    map[string]field  // every key of the file: names and name_file
	merged   *koanf.Koanf      // key to text, later layers on top
	spelling map[string]string // key to how it was given; absent for defaults
	failed   map[string]bool   // names that already have a problem
	problems []error
}

func newLoader(cfg any) *loader {
	l := &loader{
		fields: fieldsOf(cfg), byKey: map[string]field{},
		merged: koanf.New("."), spelling: map[string]string{}, failed: map[string]bool{},
	}
	defaults := map[string]any{}
	for _, f := range l.fields {
		l.byKey[f.name] = f
		if f.hasFile() {
			l.byKey[f.fileKey()] = f
		}
		defaults[f.name] = f.def
	}
	l.add(confmap.Provider(defaults, ""))
	return l
}

// add puts a layer on top. Its values are flat texts.
func (l *loader) add(layer koanf.Provider) {
	if err := l.merged.Load(layer, nil); err != nil {
		l.problem("", err.Error())
	}
}

func (l *loader) problem(setting, reason string) {
	l.problems = append(l.problems, &Invalid{setting, reason})
}

func (l *loader) loadFlags(cmd *cobra.Command) {
	byFlag := map[string]string{}
	for key := range l.byKey {
		byFlag[flagName(key)] = key
	}
	l.add(posflag.ProviderWithFlag(cmd.Flags(), "", nil, func(f *pflag.Flag) (string, any) {
		key := byFlag[f.Name]
		if key != "" && f.Changed {
			l.spelling[key] = "--" + f.Name
		}
		return key, f.Value.String()
	}))
}

// decode parses what the layers came to into the struct.
func (l *loader) decode() {
	for _, f := range l.fields {
		text, spelled := l.merged.String(f.name), l.spelled(f.name)
		if file, given := l.spelling[f.fileKey()]; given {
			if _, both := l.spelling[f.name]; both {
				l.fail(f, file, "give this or "+spelled+", not both")
				continue
			}
			content, reason := readSecret(l.merged.String(f.fileKey()))
			if reason != "" {
				l.fail(f, file, reason)
				continue
			}
			text, l.spelling[f.name] = content, file
		}
		if _, given := l.spelling[f.name]; !given && text == "" {
			continue // no default: the zero value stands
		}
		if reason := f.set(text); reason != "" {
			l.fail(f, spelled, reason)
		}
	}
}

func (l *loader) fail(f field, setting, reason string) {
	l.failed[f.name] = true
	l.problem(setting, reason)
}

func (l *loader) spelled(name string) string {
	if s, ok := l.spelling[name]; ok {
		return s
	}
	return name
}

func (l *loader) validate(cfg any) {
	v, ok := cfg.(interface{ Validate() error })
	if !ok {
		return
	}
	for _, err := range flatten(v.Validate()) {
		invalid, ok := errors.AsType[*Invalid](err)
		switch {
		case !ok:
			l.problem("", err.Error())
		case !l.failed[invalid.Setting]:
			l.problem(l.spelled(invalid.Setting), invalid.Reason)
		}
	}
}
