package token

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxMembers bounds the members of a header or claims object, so that the
// search for duplicates stays cheap for input nobody has vouched for yet.
const maxMembers = 64

// decodeObject decodes one base64url JSON object. Each member goes where field
// says for its exact name; nil refuses the name. Unlike json.Unmarshal it
// refuses a name given twice, names that differ in case, and invalid UTF-8.
// Strings share the memory of the decoded text, none that of encoded.
func decodeObject(encoded string, field func(name string) any) error {
	data, err := strictBase64.DecodeString(encoded)
	if err != nil || !utf8.Valid(data) {
		return fmt.Errorf("%w: not canonical base64url of UTF-8", ErrMalformed)
	}
	if !json.Valid(data) {
		return fmt.Errorf("%w: not JSON, or data after it", ErrMalformed)
	}
	members, ok := strings.CutPrefix(skipSpace(string(data)), "{")
	if !ok {
		return fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	return decodeMembers(members, field)
}

// decodeMembers takes what follows the opening brace of valid JSON.
func decodeMembers(s string, field func(name string) any) error {
	seen := make([]string, 0, 16)
	for s = skipSpace(s); s[0] != '}'; {
		var quoted, name, value string
		quoted, s = cutValue(s)
		value, s = cutValue(skipSpace(s[1:])) // past the colon
		if err := decodeValue(quoted, &name); err != nil || len(seen) == maxMembers || slices.Contains(seen, name) {
			return fmt.Errorf("%w: a name given twice, or too many", ErrMalformed)
		}
		seen = append(seen, name)
		target := field(name)
		if target == nil {
			return fmt.Errorf("%w: a header parameter that is not allowed", ErrInvalid)
		}
		if err := decodeValue(value, target); err != nil {
			return fmt.Errorf("%w: a member of the wrong type", ErrMalformed)
		}
		s = skipSpace(strings.TrimPrefix(s, ","))
	}
	return nil
}

// ignored is where members go that nobody reads.
type ignored struct{}

// decodeValue is json.Unmarshal of valid JSON, without its cost for plain
// strings.
func decodeValue(value string, target any) error {
	switch target := target.(type) {
	case ignored:
		return nil
	case *rawValue:
		*target = rawValue(value)
		return nil
	case *string:
		if value[0] == '"' && strings.IndexByte(value, '\\') < 0 {
			*target = value[1 : len(value)-1]
			return nil
		}
	}
	return json.Unmarshal([]byte(value), target)
}

const space = " \t\r\n"

func skipSpace(s string) string { return strings.TrimLeft(s, space) }

// cutValue cuts the value that valid JSON begins with, and space after it.
func cutValue(s string) (value, rest string) {
	end := 0
	switch s[0] {
	case '"':
		end = stringEnd(s)
	case '{', '[':
		end = nestedEnd(s)
	default:
		end = strings.IndexAny(s, ",:]}"+space)
	}
	return s[:end], skipSpace(s[end:])
}

// stringEnd is the index after the closing quote of the string s begins with.
func stringEnd(s string) int {
	for i := 1; ; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// nestedEnd is the index after the bracket that closes the first one.
func nestedEnd(s string) int {
	for i, depth := 0, 0; ; i++ {
		switch s[i] {
		case '"':
			i += stringEnd(s[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}
