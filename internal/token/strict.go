package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// strictBase64 refuses non-zero trailing bits (RFC 4648 section 3.5). It still
// skips line breaks, which isBase64URL has refused before.
var strictBase64 = base64.RawURLEncoding.Strict()

// parsed is a token taken apart, its header understood, nothing verified.
type parsed struct {
	alg       string
	kid, typ  string
	signed    string // what the signature covers: header "." payload
	payload   string // still encoded
	signature []byte
}

// takeApart reads a JWS in compact form (RFC 7515 section 7.1) and its header.
// It accepts one spelling of each only.
func takeApart(raw string) (parsed, error) {
	if len(raw) > MaxToken {
		return parsed{}, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxToken)
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || header == "" || payload == "" {
		return parsed{}, fmt.Errorf("%w: not three parts", ErrMalformed)
	}
	for _, part := range [...]string{header, payload, signature} {
		if !isBase64URL(part) {
			return parsed{}, fmt.Errorf("%w: not base64url", ErrMalformed)
		}
	}
	p := parsed{signed: raw[:len(header)+1+len(payload)], payload: payload}
	if err := p.readHeader(header); err != nil {
		return parsed{}, err
	}
	var err error
	if p.signature, err = strictBase64.DecodeString(signature); err != nil {
		return parsed{}, fmt.Errorf("%w: signature not canonical", ErrInvalid)
	}
	return p, nil
}

// isBase64URL reports whether s has only the letters of base64url: no padding,
// no line breaks, no dots.
func isBase64URL(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// readHeader allows alg, kid and typ, and nothing else: no crit, jwk, jku, x5c
// or x5u can then mean anything (RFC 8725 section 3.10).
func (p *parsed) readHeader(encoded string) error {
	err := decodeObject(encoded, func(name string) any {
		switch name {
		case "alg":
			return &p.alg
		case "kid":
			return &p.kid
		case "typ":
			return &p.typ
		}
		return nil
	})
	switch {
	case errors.Is(err, errType):
		return fmt.Errorf("%w: a header parameter of the wrong type", ErrMalformed)
	case err != nil:
		return err
	case !validKeyID(p.kid):
		return fmt.Errorf("%w: no usable kid", ErrInvalid)
	}
	return nil
}

// isAccessTokenType knows both spellings of RFC 9068 section 2.1. Media types
// ignore case.
func isAccessTokenType(typ string) bool {
	return strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}
