package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/token"
)

var errForm = errors.New("it has not the form of a token: three parts of base64url, with JSON in the first two")

// takeApart decodes header and claims for people to read. It verifies nothing.
func takeApart(raw string) (header, claims map[string]any, err error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > token.MaxToken {
		return nil, nil, errForm
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, nil, errForm
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(into); err != nil || *into == nil {
			return nil, nil, errForm
		}
	}
	return header, claims, nil
}

// clockNoise is how far, in milliseconds, two clocks may seem apart that are
// not: HTTP dates are whole seconds, and some servers renew them when they can.
const clockNoise = 5000

// audienceOf is the first aud of the claims (RFC 7519 section 4.1.3).
func audienceOf(claims map[string]any) string {
	switch aud := claims["aud"].(type) {
	case string:
		return aud
	case []any:
		if len(aud) > 0 {
			text, _ := aud[0].(string)
			return text
		}
	}
	return ""
}

// meanings are what claims stand for, in the order in which they are shown.
var meanings = []struct{ name, text string }{
	{"iss", "issuer"}, {"sub", "user"}, {"tid", "tenant"}, {"aud", "audience"}, {"client_id", "client"},
	{"jti", "token id, for revoke token"}, {"sid", "session id, for revoke session"}, {"did", "device id, for revoke device"},
	{"roles", ""}, {"scope", ""}, {"rgn", "region"}, {"iat", ""}, {"iat_ms", "stamp of the store, compared with cutoffs"}, {"exp", ""},
}

func (in *inspection) rows() [][]string {
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(in.Header)) {
		rows = append(rows, []string{"header", name, text(in.Header[name])})
	}
	shown := map[string]bool{}
	for _, m := range meanings {
		if v, ok := in.Claims[m.name]; ok {
			rows = append(rows, []string{"claim", m.name, text(v), in.meaning(m.name, m.text)})
			shown[m.name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Claims)) {
		if !shown[name] {
			rows = append(rows, []string{"claim", name, text(in.Claims[name])})
		}
	}
	return append(rows, in.verdict()...)
}

func (in *inspection) verdict() [][]string {
	rows := [][]string{{"verified", "", yes(in.Verified)}, {"revoked", "", in.Revoked}}
	if in.AheadMS <= -clockNoise || in.AheadMS >= clockNoise {
		rows = append(rows, []string{"clock", "", fmt.Sprintf("this machine's is %v off the issuer's", time.Duration(in.AheadMS)*time.Millisecond)})
	}
	rows = append(rows, []string{"good", "", yes(in.Good)})
	if in.Problem != "" {
		rows = append(rows, []string{"because", "", in.Problem})
	}
	return rows
}

// meaning explains times by the issuer's clock.
func (in *inspection) meaning(name, otherwise string) string {
	n, ok := in.Claims[name].(json.Number)
	if !ok || name != "exp" && name != "iat" {
		return otherwise
	}
	seconds, err := n.Float64()
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return otherwise
	}
	when := time.Unix(int64(seconds), 0)
	switch from := when.Sub(in.Now).Round(time.Second); {
	case name == "iat" && from > -5*time.Second && from < 5*time.Second:
		return "issued just now, " + at(when)
	case name == "iat":
		return fmt.Sprintf("issued %v ago, %s", -from, at(when))
	case from > 0:
		return fmt.Sprintf("expires in %v, %s", from, at(when))
	default:
		return fmt.Sprintf("expired %v ago, %s", -from, at(when))
	}
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	out, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(out)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
