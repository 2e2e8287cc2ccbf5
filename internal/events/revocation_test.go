package events_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

func cutoff(scope events.Scope, tenant, subject string) events.Revocation {
	return events.Revocation{
		ID: "r", Scope: scope, Issuer: "iss", Tenant: tenant, Subject: subject, Stamp: 7, TTLMillis: 1000,
	}
}

func TestRevocationsSurviveTheirEncoding(t *testing.T) {
	refresh := cutoff(events.ScopeUser, "acme", "u")
	refresh.Mode, refresh.Reason, refresh.Actor = events.ModeRefresh, "roles", "root"
	for _, r := range []events.Revocation{
		cutoff(events.ScopeToken, "", "j"), cutoff(events.ScopeSession, "", "s"), cutoff(events.ScopeKey, "", "k"),
		cutoff(events.ScopeUser, "acme", "u"), cutoff(events.ScopeTenant, "", "acme"),
		cutoff(events.ScopeAll, "", events.Everybody), refresh,
	} {
		data, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := events.DecodeRevocation(data); err != nil || got != r {
			t.Errorf("%+v became %+v, %v", r, got, err)
		}
	}
}

func TestBadRevocationsAreRefused(t *testing.T) {
	mode := func(r events.Revocation, m events.Mode) events.Revocation { r.Mode = m; return r }
	for name, r := range map[string]events.Revocation{
		"unknown scope":        cutoff("galaxy", "", "x"),
		"unknown mode":         mode(cutoff(events.ScopeTenant, "", "acme"), "pause"),
		"mode of a session":    mode(cutoff(events.ScopeSession, "", "s"), events.ModeRefresh),
		"user without tenant":  cutoff(events.ScopeUser, "", "u"),
		"tenant with a tenant": cutoff(events.ScopeTenant, "acme", "acme"),
		"session of a tenant":  cutoff(events.ScopeSession, "acme", "s"),
		"all but not all":      cutoff(events.ScopeAll, "", "some"),
		"tenant too long":      cutoff(events.ScopeUser, strings.Repeat("t", events.MaxSubject+1), "u"),
		"no subject":           cutoff(events.ScopeUser, "acme", ""),
	} {
		if _, err := r.Encode(); !errors.Is(err, events.ErrBadRevocation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unstamped := cutoff(events.ScopeTenant, "", "acme")
	unstamped.Stamp = 0
	if _, err := events.Publish(t.Context(), memlog.New(), unstamped); !errors.Is(err, events.ErrBadRevocation) {
		t.Errorf("a cutoff without a stamp was published: %v", err)
	}
}

// 2^60 ms used to overflow to a life of 0, which the edges dropped in silence.
// Nobody writes a life that no holder can count, and a reader shortens one that
// a newer issuer has written: the entry holds.
func TestLifeHasABound(t *testing.T) {
	most := events.MaxTTL.Milliseconds()
	for ttl, want := range map[int64]time.Duration{
		1: time.Millisecond, most - 1: events.MaxTTL - time.Millisecond, most: events.MaxTTL,
		most + 1: events.MaxTTL, 1 << 60: events.MaxTTL, math.MaxInt64: events.MaxTTL, 0: 0, -1: 0, -1 << 60: 0, math.MinInt64: 0,
	} {
		r := cutoff(events.ScopeToken, "", "j")
		r.TTLMillis = ttl
		if r.TTL() != want {
			t.Errorf("ttl_ms %d is %v, want %v", ttl, r.TTL(), want)
		}
		if _, err := r.Encode(); (err == nil) != (ttl > 0 && ttl <= most) || err != nil && !errors.Is(err, events.ErrBadRevocation) {
			t.Errorf("ttl_ms %d is written: %v", ttl, err)
		}
		for _, space := range []string{"", " "} { // the fast reader and encoding/json
			got, err := events.DecodeRevocation(fmt.Appendf(nil, `{"id":"r","scope":"token","iss":"i","sub":"j",%s"ttl_ms":%d}`, space, ttl))
			if (err == nil) != (ttl > 0) || err == nil && (got.TTL() != want || got.TTLMillis > most) {
				t.Errorf("ttl_ms %d is read as %+v, %v", ttl, got, err)
			}
		}
	}
}

// Every subject has a key of its own, and a token asks for just those that
// concern it.
func TestKeysTellSubjectsApart(t *testing.T) {
	refresh := cutoff(events.ScopeUser, "acme", "u")
	refresh.Mode = events.ModeRefresh
	other := cutoff(events.ScopeUser, "acme", "u")
	other.Issuer = "other"
	keys := map[string]bool{}
	all := []events.Revocation{
		cutoff(events.ScopeToken, "", "x"), cutoff(events.ScopeSession, "", "x"), cutoff(events.ScopeKey, "", "x"),
		cutoff(events.ScopeUser, "acme", "x"), cutoff(events.ScopeUser, "acmex", "x"), cutoff(events.ScopeUser, "acme", "u"),
		cutoff(events.ScopeTenant, "", "acme"), cutoff(events.ScopeTenant, "", "x"), cutoff(events.ScopeAll, "", events.Everybody),
		refresh, other,
	}
	for _, r := range all {
		keys[r.Key()] = true
	}
	if len(keys) != len(all) {
		t.Errorf("%d keys for %d subjects", len(keys), len(all))
	}
	tok := events.Token{Issuer: "iss", ID: "j", Session: "s", KeyID: "k", Tenant: "acme", User: "u", Stamp: time.Now().UnixMilli()}
	asked := append(append(tok.IDs(), tok.Cutoffs(events.ModeEnd)...), tok.Cutoffs(events.ModeRefresh)...)
	want := []events.Revocation{
		cutoff(events.ScopeToken, "", "j"), cutoff(events.ScopeSession, "", "s"), cutoff(events.ScopeKey, "", "k"),
		cutoff(events.ScopeUser, "acme", "u"), cutoff(events.ScopeTenant, "", "acme"), cutoff(events.ScopeAll, "", events.Everybody),
		refresh,
	}
	for i, r := range want {
		if asked[i] != r.Key() {
			t.Errorf("asked for %s, want %s of %+v", asked[i], r.Key(), r)
		}
	}
}
