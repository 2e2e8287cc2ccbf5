package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// maxMembers bounds the members of a header or claims object, so that the
// search for duplicates stays cheap for input nobody has vouched for yet.
const maxMembers = 64

// decodeObject decodes one base64url JSON object. Each member goes where field
// says for its exact name; nil refuses the name. Unlike json.Unmarshal it
// refuses a name given twice, names that differ in case, invalid UTF-8, and
// anything after the object.
func decodeObject(encoded string, field func(name string) any) error {
	data, err := strictBase64.DecodeString(encoded)
	if err != nil || !utf8.Valid(data) {
		return fmt.Errorf("%w: not canonical base64url of UTF-8", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	if err := decodeMembers(dec, field); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: data after the JSON object", ErrMalformed)
	}
	return nil
}

func decodeMembers(dec *json.Decoder, field func(name string) any) error {
	seen := make([]string, 0, 16)
	for dec.More() {
		name, err := memberName(dec)
		if err != nil || len(seen) == maxMembers || slices.Contains(seen, name) {
			return fmt.Errorf("%w: a name given twice, or too many, or not JSON", ErrMalformed)
		}
		seen = append(seen, name)
		target := field(name)
		if target == nil {
			return fmt.Errorf("%w: a header parameter that is not allowed", ErrInvalid)
		}
		if err := dec.Decode(target); err != nil {
			return fmt.Errorf("%w: a member of the wrong type", ErrMalformed)
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return fmt.Errorf("%w: JSON ends early", ErrMalformed)
	}
	return nil
}

func memberName(dec *json.Decoder) (string, error) {
	t, err := dec.Token()
	if err != nil {
		return "", err
	}
	name, ok := t.(string)
	if !ok {
		return "", errors.New("not a name")
	}
	return name, nil
}
