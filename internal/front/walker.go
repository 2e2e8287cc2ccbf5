package front

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// A walker goes through valid JSON beside the Go type it is meant for and
// finds what encoding/json lets pass: names given twice, unknown, or known
// only in another case; too much depth; characters that are no characters.
type walker struct{ dec *json.Decoder }

// value reads one value. t is nil where any name is good.
func (w walker) value(t reflect.Type, path string, depth int) error {
	token, err := w.dec.Token()
	if err != nil {
		return BadRequest("the body is not valid JSON").Because(err)
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return BadRequest(fmt.Sprintf("the body is nested deeper than %d levels", maxDepth))
		}
		if token == '[' {
			return w.array(path, structure(t), depth+1)
		}
		return w.object(path, structure(t), depth+1)
	case string:
		// An escaped lone surrogate decodes to this too, so that two
		// different bodies would mean the same.
		if strings.ContainsRune(token, unicode.ReplacementChar) {
			return BadRequest("a string holds an invalid character")
		}
	}
	return nil
}

func (w walker) array(path string, t reflect.Type, depth int) error {
	for w.dec.More() {
		if err := w.value(element(t), path, depth); err != nil {
			return err
		}
	}
	return w.end()
}

func (w walker) object(path string, t reflect.Type, depth int) error {
	var fields map[string]reflect.Type
	if t != nil && t.Kind() == reflect.Struct {
		fields = fieldTypes(t)
	}
	seen := map[string]bool{}
	for w.dec.More() {
		token, err := w.dec.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return BadRequest("the body is not valid JSON").Because(err)
		}
		inner, known := fields[name]
		switch {
		case fields != nil && !known:
			return BadRequest(fmt.Sprintf("%sunknown field %q", path, shorten(name)))
		case seen[name]:
			return BadRequest(fmt.Sprintf("%sfield %q is given twice", path, shorten(name)))
		case fields == nil:
			inner = element(t)
		}
		seen[name] = true
		if err := w.value(inner, path+shorten(name)+": ", depth); err != nil {
			return err
		}
	}
	return w.end()
}

func (w walker) end() error {
	if _, err := w.dec.Token(); err != nil {
		return BadRequest("the body is not valid JSON").Because(err)
	}
	return nil
}

// structure strips pointers; nil stands for a type that decodes itself.
func structure(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Interface {
		return nil
	}
	p := reflect.PointerTo(t)
	if p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	return t
}

func element(t reflect.Type) reflect.Type {
	if t == nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Map, reflect.Slice, reflect.Array:
		return t.Elem()
	}
	return nil
}

// fieldTypes lists the JSON names of a struct, its embedded structs included.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded := structure(f.Type)
		switch {
		case f.Anonymous && name == "" && embedded != nil && embedded.Kind() == reflect.Struct:
			for name, inner := range fieldTypes(embedded) {
				out[name] = inner
			}
		case !f.IsExported() || f.Tag.Get("json") == "-":
		case name == "":
			out[f.Name] = f.Type
		default:
			out[name] = f.Type
		}
	}
	return out
}
