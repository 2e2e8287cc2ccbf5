package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

const (
	maxFile   = 1 << 20  // bytes of a --config file
	maxSecret = 64 << 10 // bytes of a secret's file
)

func (l *loader) loadFile(cmd *cobra.Command) {
	path, err := cmd.Flags().GetString(configFlag)
	if err != nil || path == "" {
		return
	}
	data, err := readBounded(path, maxFile)
	if err != nil {
		l.problem("--"+configFlag+" "+quote(path), err.Error())
		return
	}
	values := map[string]any{}
	for key, value := range l.parse(filepath.Base(path), data) {
		values[key] = value
	}
	l.add(confmap.Provider(values, ""))
}

// parse reads one YAML document: a flat mapping of known keys to single
// values, whose text is taken as written, or to lists where one is wanted.
func (l *loader) parse(file string, data []byte) map[string]string {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil // empty, or comments only
	case err != nil:
		l.problem(file, err.Error())
		return nil
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		l.problem(file, "holds more than one YAML document")
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		l.problem(file, "is not a mapping of settings to values")
		return nil
	}
	values := map[string]string{}
	for pair := range slices.Chunk(top.Content, 2) {
		l.parsePair(file, pair[0], pair[1], values)
	}
	return values
}

func (l *loader) parsePair(file string, key, value *yaml.Node, values map[string]string) {
	name := key.Value
	spelled := fmt.Sprintf("%s:%d: %s", file, key.Line, name)
	f, known := l.byKey[name]
	_, twice := values[name]
	switch {
	case !known:
		spelled = fmt.Sprintf("%s:%d: %s", file, key.Line, strings.Trim(quote(name), `"`))
		l.problem(spelled, "unknown setting"+suggest(name, slices.Collect(maps.Keys(l.byKey))))
	case twice:
		l.problem(spelled, "given twice")
	case f.isList() && value.Kind == yaml.SequenceNode && name == f.name:
		text, err := yaml.Marshal(value)
		if err != nil {
			l.problem(spelled, err.Error())
			return
		}
		values[name], l.spelling[name] = string(text), spelled
	case value.Kind != yaml.ScalarNode:
		l.problem(spelled, "want a single value")
	case value.Tag == "!!null":
		l.problem(spelled, `has no value; remove the line, or write "" for the empty text`)
	default:
		values[name], l.spelling[name] = value.Value, spelled
	}
}

// readSecret returns the content of a secret's file, or what is wrong. The
// path is not repeated: whoever confuses NAME with NAME_FILE has put the
// secret there.
func readSecret(path string) (content, reason string) {
	data, err := readBounded(path, maxSecret)
	if err != nil {
		return "", err.Error()
	}
	content = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if content == "" {
		return "", "the file is empty"
	}
	return content, ""
}

// readBounded does not name the path in its errors.
func readBounded(path string, limit int64) ([]byte, error) {
	data, err := readUpTo(path, limit+1)
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return nil, fmt.Errorf("cannot read the file: %w", pathErr.Err)
	}
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("the file is larger than %d bytes", limit)
	}
	return data, err
}

func readUpTo(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, n))
}
