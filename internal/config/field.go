package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// The values of the tag secret.
const (
	secretWhole = "true" // never shown, never a flag
	secretURL   = "url"  // the user part is never shown
)

const envPrefix = "CURFEW_"

// A field is one setting and the place in the struct that it fills.
type field struct {
	name, def, usage, secret string
	value                    reflect.Value
}

func (f field) env() string     { return envPrefix + strings.ToUpper(f.name) }
func (f field) flag() string    { return flagName(f.name) }
func (f field) hasFlag() bool   { return f.secret != secretWhole }
func (f field) hasFile() bool   { return f.secret != "" }
func (f field) fileKey() string { return f.name + "_file" }

// isList says that the setting may be a list in the file.
func (f field) isList() bool { return f.value.Kind() == reflect.Slice }

func flagName(setting string) string { return strings.ReplaceAll(setting, "_", "-") }

// fieldsOf lists the settings of the struct that cfg points to. A declaration
// that cannot work is a mistake in the program, and panics.
func fieldsOf(cfg any) []field {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: %T is not a pointer to a struct", cfg))
	}
	return collect(v.Elem(), nil)
}

func collect(v reflect.Value, defaults map[string]string) []field {
	var out []field
	for tag, value := range v.Fields() {
		if tag.Anonymous {
			out = append(out, collect(value, overrides(tag))...)
			continue
		}
		f := field{tag.Tag.Get("koanf"), tag.Tag.Get("default"), tag.Tag.Get("usage"), tag.Tag.Get("secret"), value}
		if def, ok := defaults[f.name]; ok {
			f.def = def
		}
		f.mustWork(tag.Name)
		out = append(out, f)
	}
	return out
}

// overrides reads the tag defaults of an embedded struct: "name=value,…".
func overrides(tag reflect.StructField) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(tag.Tag.Get("defaults"), ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			out[name] = value
		}
	}
	return out
}

func (f field) mustWork(goName string) {
	if f.name == "" {
		panic("config: field " + goName + " has no koanf tag")
	}
	if f.hasFile() && f.value.Kind() != reflect.String {
		panic("config: secret " + f.name + " is not a string")
	}
	probe := field{name: f.name, value: reflect.New(f.value.Type()).Elem()}
	if reason := probe.set(f.def); f.def != "" && reason != "" {
		panic("config: default of " + f.name + ": " + reason)
	}
}

// set parses text into the field. It returns what is wrong, or "".
func (f field) set(text string) string {
	switch f.value.Interface().(type) {
	case string:
		f.value.SetString(text)
		return ""
	case bool:
		b, err := strconv.ParseBool(text)
		f.value.SetBool(b)
		return want(err, "true or false", text)
	case int:
		n, err := strconv.Atoi(text)
		f.value.SetInt(int64(n))
		return want(err, "a whole number", text)
	case time.Duration:
		d, err := time.ParseDuration(text)
		f.value.SetInt(int64(d))
		return want(err, "a duration such as 5s or 15m", text)
	}
	switch v := f.value.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		if err := v.UnmarshalText([]byte(text)); err != nil {
			return err.Error()
		}
		return ""
	default:
		panic(fmt.Sprintf("config: %s has the unsupported type %s", f.name, f.value.Type()))
	}
}

func want(err error, what, got string) string {
	if err == nil {
		return ""
	}
	return "want " + what + ", got " + quote(got)
}

// kind is the word that the help text shows for the value.
func (f field) kind() string {
	if f.value.Type() == reflect.TypeFor[time.Duration]() {
		return "duration"
	}
	if f.isList() {
		return "list"
	}
	return f.value.Kind().String()
}

// Defaults fills the struct that cfg points to with its declared defaults,
// for programs that make their own settings.
func Defaults(cfg any) {
	for _, f := range fieldsOf(cfg) {
		if f.def != "" {
			f.set(f.def)
		}
	}
}
