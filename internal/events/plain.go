package events

import (
	"strconv"
	"strings"
)

// decodePlain reads a revocation as Encode writes nearly all of them: the
// fields of Revocation by their exact names, strings of printable ASCII
// without escapes, whole numbers, no blanks. It is there for the replay of a
// long log, where encoding/json takes most of the time. It reports false for
// anything else, which then is encoding/json's to judge; for what it does read
// it gives the same result, which FuzzDecodePlain checks.
func decodePlain(data []byte) (r Revocation, ok bool) {
	rest, ok := strings.CutPrefix(string(data), "{") // one copy, which all fields share
	for more := true; ok && more; {
		var name, text string
		if name, rest, ok = plainString(rest); !ok {
			break
		}
		if rest, ok = strings.CutPrefix(rest, ":"); !ok {
			break
		}
		switch field := r.text(name); {
		case field != nil:
			if text, rest, ok = plainString(rest); ok {
				*field = text
			}
		case name == "scope":
			if text, rest, ok = plainString(rest); ok {
				r.Scope = Scope(text)
			}
		case name == "mode":
			if text, rest, ok = plainString(rest); ok {
				r.Mode = Mode(text)
			}
		default:
			rest, ok = r.number(name, rest)
		}
		if more = strings.HasPrefix(rest, ","); more {
			rest = rest[1:]
		}
	}
	return r, ok && rest == "}"
}

// text returns where a field of text goes, nil if there is none of that name.
func (r *Revocation) text(name string) *string {
	switch name {
	case "id":
		return &r.ID
	case "iss":
		return &r.Issuer
	case "sub":
		return &r.Subject
	case "tenant":
		return &r.Tenant
	case "reason":
		return &r.Reason
	case "actor":
		return &r.Actor
	case "store":
		return &r.Incarnation
	}
	return nil
}

// number reads a field that is a whole number.
func (r *Revocation) number(name, s string) (rest string, ok bool) {
	switch name {
	case "stamp":
		r.Stamp, rest, ok = plainInt(s)
	case "ttl_ms":
		r.TTLMillis, rest, ok = plainInt(s)
	}
	return rest, ok
}

// plainString reads a quoted string that stands for itself.
func plainString(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], true
		case c == '\\' || c < ' ' || c > '~':
			return "", s, false
		}
	}
	return "", s, false
}

// plainInt reads a whole number without a sign, if it is no larger than an int64.
func plainInt(s string) (n int64, rest string, ok bool) {
	digits := 0
	for digits < len(s) && '0' <= s[digits] && s[digits] <= '9' {
		digits++
	}
	if digits == 0 || digits > 19 || s[0] == '0' && digits > 1 {
		return 0, s, false
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	return n, s[digits:], err == nil
}
