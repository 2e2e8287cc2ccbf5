package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// errType is wrapped by the errors about members that are not what they should
// be.
var errType = fmt.Errorf("%w: a member of the wrong type", ErrInvalid)

// errSurrogate: half a UTF-16 pair stands for no character. encoding/json would
// put the same replacement for each, so that two ids became one.
var errSurrogate = errors.New("token: a lone surrogate")

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
		if decodeValue(value, target) != nil {
			return errType
		}
		s = skipSpace(strings.TrimPrefix(s, ","))
	}
	return nil
}

// ignored is where members go that nobody reads.
type ignored struct{}

// decodeValue is json.Unmarshal of valid JSON, without its cost for plain
// strings, and without lone surrogates.
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
	if hasLoneSurrogate(value) {
		return errSurrogate
	}
	return json.Unmarshal([]byte(value), target)
}

// hasLoneSurrogate reports whether a string in valid JSON has an escape of half
// a UTF-16 pair (RFC 8259 section 8.2). Escapes stand in strings only.
func hasLoneSurrogate(s string) bool {
	const size = len(`\uXXXX`)
	for {
		i := strings.IndexByte(s, '\\')
		switch {
		case i < 0:
			return false
		case s[i+1] != 'u':
			s = s[i+2:]
			continue
		}
		first, second := escaped(s[i:]), escaped(s[i+size:])
		s = s[i+size:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		if utf16.DecodeRune(first, second) == unicode.ReplacementChar {
			return true
		}
		s = s[size:]
	}
}

// escaped is the code that a string begins with as \uXXXX, 0 if it does not.
func escaped(s string) rune {
	if !strings.HasPrefix(s, `\u`) {
		return 0
	}
	n, _ := strconv.ParseUint(s[2:6], 16, 16) // valid JSON
	return rune(n)
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
