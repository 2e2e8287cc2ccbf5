package token

import (
	"errors"
	"strconv"
	"time"
)

var errDate = errors.New("token: not a date")

// A date is a NumericDate of RFC 7519 section 2: seconds as a JSON number, never
// as a string. Fractions and exponents are allowed there; of a fraction the whole
// seconds count, as for tokens made here. Nothing before 1970 or beyond
// maxUnix is a date. It is zero if the claim is missing or null.
type date struct{ time.Time }

func (d *date) UnmarshalJSON(number []byte) error {
	if string(number) == "null" {
		return nil
	}
	seconds, err := strconv.ParseFloat(string(number), 64) // no other JSON value parses
	if err != nil || seconds < 0 || seconds >= maxUnix {
		return errDate
	}
	d.Time = time.Unix(int64(seconds), 0)
	return nil
}
