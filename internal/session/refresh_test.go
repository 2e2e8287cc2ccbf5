package session

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestRefreshTokenRoundTrip(t *testing.T) {
	want := newRefreshToken(uuid.New(), [16]byte{1})
	raw := want.encode()
	got, err := parseRefresh(raw)
	if err != nil || got != want {
		t.Fatalf("got %v, %v", got, err)
	}
	if other := newRefreshToken(want.session, [16]byte{}); other.secret == want.secret || other.family == want.family {
		t.Error("two tokens share their random parts")
	}
	if len(raw) != refreshLength || !IsRefreshToken(raw) || IsRefreshToken("eyJhbGciOi.e30.c2ln") {
		t.Errorf("form of %d bytes", len(raw))
	}
}

func TestRefreshTokenParsesStrictly(t *testing.T) {
	raw := newRefreshToken(uuid.New(), [16]byte{1}).encode()
	body := raw[len(refreshPrefix):]
	last := raw[:len(raw)-1]
	padded := base64.URLEncoding.EncodeToString(make([]byte, refreshBytes))
	for name, bad := range map[string]string{
		"empty":         "",
		"prefix only":   refreshPrefix,
		"other prefix":  "CFR_" + body,
		"no prefix":     body + "cfr_",
		"short":         last,
		"long":          raw + "A",
		"huge":          raw + strings.Repeat("A", 1<<20),
		"line break":    last + "\n",
		"break inside":  raw[:20] + "\r\n" + raw[22:],
		"space":         " " + last,
		"padded":        refreshPrefix + padded,
		"std alphabet":  refreshPrefix + strings.Repeat("+/", 43),
		"trailing bits": refreshPrefix + base64.RawURLEncoding.EncodeToString(make([]byte, refreshBytes))[:85] + "B",
		"access token":  "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
	} {
		if got, err := parseRefresh(bad); !errors.Is(err, ErrRefreshInvalid) {
			t.Errorf("%s: accepted as %v, %v", name, got, err)
		} else if len(bad) > 10 && strings.Contains(err.Error(), bad) {
			t.Errorf("%s: the error quotes the token", name)
		}
	}
}

func TestRefreshTokenStaysOutOfLogs(t *testing.T) {
	token := newRefreshToken(uuid.New(), [16]byte{1})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, token); got != "cfr_[redacted]" {
			t.Errorf("%s shows %q", verb, got)
		}
	}
}

func TestSuccessor(t *testing.T) {
	first := newRefreshToken(uuid.New(), [16]byte{1})
	a, again, b := first.successor([16]byte{1}), first.successor([16]byte{1}), first.successor([16]byte{2})
	if a != again {
		t.Error("one salt gave two successors")
	}
	if a.secret == b.secret || a.secret == first.secret || a.secretHash() == first.secretHash() {
		t.Error("successors repeat")
	}
	if a.session != first.session || a.family != first.family {
		t.Error("the successor left its family")
	}
}

func FuzzParseRefresh(f *testing.F) {
	f.Add(newRefreshToken(uuid.New(), [16]byte{1}).encode())
	f.Add("cfr_")
	f.Fuzz(func(t *testing.T, raw string) {
		if token, err := parseRefresh(raw); err == nil && token.encode() != raw {
			t.Errorf("%q has a second spelling", raw)
		}
	})
}
