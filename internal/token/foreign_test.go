package token

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"maps"
	mathrand "math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

const elsewhere = "https://id.example/realms/acme"

// foreignConfig trusts an issuer as one would Keycloak.
func foreignConfig(issuer string, keys KeySource) ForeignConfig {
	return ForeignConfig{
		Issuer: issuer, Audience: testAudience, Keys: keys,
		Algorithms: []string{RS256, ES256, EdDSA}, Types: []string{"at+jwt"},
		User: []string{"sub"}, Session: []string{"sid"}, Roles: []string{"realm_access", "roles"}, Scope: []string{"scope"},
		DefaultTenant: "default", MaxLifetime: 10 * time.Minute, ClockSkew: 5 * time.Second,
	}
}

// testIssuers trusts ours, by other keys, and the ones given.
func testIssuers(t *testing.T, others ...ForeignConfig) *Issuers {
	t.Helper()
	own := testVerifier(t, testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)}))
	i, err := NewIssuers(own, others...)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// foreignJSON is a payload as Keycloak makes it, changed like claimsJSON.
func foreignJSON(t testing.TB, change map[string]any) string {
	t.Helper()
	members := map[string]any{
		"iss": elsewhere, "sub": "u-1", "jti": "j-1", "sid": "s-1", "aud": []string{"account", testAudience}, "typ": "Bearer",
		"azp": "app", "iat": testNow.Add(-time.Minute).Unix(), "exp": testNow.Add(4 * time.Minute).Unix(),
		"realm_access": map[string]any{"roles": []string{"admin", "dev"}}, "scope": "openid email", "acr": "1",
	}
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	data, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestForeignClaims(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": rsaKey(t, 2048)})
	i := testIssuers(t, foreignConfig(elsewhere, k))
	got, err := i.Verify(t.Context(), signRaw(t, k, header("RS256", "k-1", "at+jwt"), foreignJSON(t, nil)))
	issued := testNow.Add(-time.Minute)
	want := Claims{
		Foreign: true, Issuer: elsewhere, Subject: "u-1", ID: "j-1", SessionID: "s-1", Tenant: "default",
		Scope: "openid email", Roles: []string{"admin", "dev"}, Audience: []string{"account", testAudience},
		IssuedAt: issued, ExpiresAt: testNow.Add(4 * time.Minute), IssuedAtMillis: issued.UnixMilli() - 5000, KeyID: "k-1",
	}
	got.withdrawn = nil
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("Verify = %+v, %v; want %+v", got, err, want)
	}
}

func TestForeignRules(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	type change = map[string]any
	unix := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	named := func(c *ForeignConfig) { c.Tenant, c.DefaultTenant = []string{"org", "id"}, "" }
	for name, tc := range map[string]struct {
		config func(*ForeignConfig)
		change change
		want   error
	}{
		"as it is":                       {nil, nil, nil},
		"no jti":                         {nil, change{"jti": nil}, nil},
		"no sid":                         {nil, change{"sid": nil}, nil},
		"no sub":                         {nil, change{"sub": nil}, ErrInvalid},
		"sub empty":                      {nil, change{"sub": ""}, ErrInvalid},
		"sub alone":                      {nil, change{"jti": nil, "sid": nil}, nil},
		"neither jti nor sid nor sub":    {nil, change{"jti": nil, "sid": nil, "sub": nil}, ErrInvalid},
		"all three empty":                {nil, change{"jti": "", "sid": "", "sub": ""}, ErrInvalid},
		"all three null":                 {nil, change{"jti": json.RawMessage("null"), "sid": json.RawMessage("null"), "sub": json.RawMessage("null")}, ErrInvalid},
		"sub a number":                   {nil, change{"sub": 7}, ErrInvalid},
		"jti too long":                   {nil, change{"jti": strings.Repeat("j", MaxID+1)}, ErrInvalid},
		"sid too long":                   {nil, change{"sid": strings.Repeat("j", MaxID+1)}, ErrInvalid},
		"sub too long":                   {nil, change{"sub": strings.Repeat("j", MaxID+1)}, ErrInvalid},
		"another audience":               {nil, change{"aud": "account"}, ErrInvalid},
		"no audience":                    {nil, change{"aud": nil}, ErrInvalid},
		"no issuer":                      {nil, change{"iss": nil}, ErrInvalid},
		"unknown issuer":                 {nil, change{"iss": elsewhere + "/"}, ErrInvalid},
		"issuer a list":                  {nil, change{"iss": []string{elsewhere}}, ErrInvalid},
		"no exp":                         {nil, change{"exp": nil}, ErrInvalid},
		"exp a text":                     {nil, change{"exp": "soon"}, ErrInvalid},
		"exp beyond time":                {nil, change{"exp": 1e300}, ErrInvalid},
		"expired within the leeway":      {nil, change{"exp": unix(-4 * time.Second)}, nil},
		"expired":                        {nil, change{"exp": unix(-5 * time.Second)}, ErrExpired},
		"not valid yet":                  {nil, change{"nbf": unix(time.Minute)}, ErrInvalid},
		"stamped ahead, just allowed":    {nil, change{"iat": unix(5 * time.Second)}, nil},
		"stamped ahead":                  {nil, change{"iat": unix(6 * time.Second)}, ErrInvalid},
		"stamped ahead, for long":        {nil, change{"iat": unix(2 * time.Minute), "exp": unix(4 * time.Minute)}, ErrInvalid},
		"lives just long enough":         {nil, change{"iat": unix(0), "exp": unix(10 * time.Minute)}, nil},
		"lives too long":                 {nil, change{"iat": unix(0), "exp": unix(10*time.Minute + time.Second)}, ErrInvalid},
		"lived too long":                 {nil, change{"iat": unix(-time.Hour), "exp": unix(time.Second)}, ErrInvalid},
		"no iat":                         {nil, change{"iat": nil}, ErrInvalid},
		"no iat, allowed":                {func(c *ForeignConfig) { c.IATOptional = true }, change{"iat": nil}, nil},
		"no iat, allowed, too long":      {func(c *ForeignConfig) { c.IATOptional = true }, change{"iat": nil, "exp": unix(10*time.Minute + 6*time.Second)}, ErrInvalid},
		"iat 0, allowed to have none":    {func(c *ForeignConfig) { c.IATOptional = true }, change{"iat": 0}, ErrInvalid},
		"ID token: nonce":                {nil, change{"nonce": "n"}, ErrInvalid},
		"ID token: at_hash":              {nil, change{"at_hash": "h"}, ErrInvalid},
		"ID token: c_hash":               {nil, change{"c_hash": "h"}, ErrInvalid},
		"ID token: typ":                  {nil, change{"typ": "ID"}, ErrInvalid},
		"ID token: token_use":            {nil, change{"token_use": "id"}, ErrInvalid},
		"refresh token":                  {nil, change{"typ": "Refresh"}, ErrInvalid},
		"logout token":                   {nil, change{"events": change{"http://schemas.openid.net/event/backchannel-logout": change{}}}, ErrInvalid},
		"bound to a key":                 {nil, change{"cnf": change{"jkt": "x"}}, ErrInvalid},
		"no typ claim":                   {nil, change{"typ": nil}, nil},
		"no roles":                       {nil, change{"realm_access": nil}, nil},
		"roles a text":                   {nil, change{"realm_access": change{"roles": "dev"}}, nil},
		"roles of numbers":               {nil, change{"realm_access": change{"roles": []int{1}}}, ErrInvalid},
		"roles below a list":             {nil, change{"realm_access": []string{"roles"}}, ErrInvalid},
		"roles twice":                    {nil, change{"realm_access": json.RawMessage(`{"roles":[],"roles":["admin"]}`)}, ErrMalformed},
		"scope a list":                   {nil, change{"scope": []string{"read", "write"}}, nil},
		"scope a list of several in one": {nil, change{"scope": []string{"read write"}}, ErrInvalid},
		"tenant named":                   {named, change{"org": change{"id": "acme"}}, nil},
		"tenant not named":               {named, nil, ErrInvalid},
		"tenant too long":                {named, change{"org": change{"id": strings.Repeat("t", MaxID+1)}}, ErrInvalid},
		"another user claim":             {func(c *ForeignConfig) { c.User = []string{"uid"} }, change{"sub": nil, "uid": "u-1"}, nil},
		"another user claim, missing":    {func(c *ForeignConfig) { c.User = []string{"uid"} }, nil, ErrInvalid},
		"algorithm not of the issuer":    {func(c *ForeignConfig) { c.Algorithms = []string{RS256} }, nil, ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := foreignConfig(elsewhere, k)
			if tc.config != nil {
				tc.config(&cfg)
			}
			raw := signRaw(t, k, goodHeader, foreignJSON(t, tc.change))
			if _, err := testIssuers(t, cfg).Verify(t.Context(), raw); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Fatalf("Verify: %v, want %v", err, tc.want)
			}
		})
	}
}

func TestForeignTypes(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	for _, tc := range []struct {
		header string
		types  []string
		good   bool
	}{
		{goodHeader, []string{"at+jwt"}, true},
		{goodHeader, []string{"JWT"}, false},
		{header("EdDSA", "k-1", "jwt"), []string{"JWT"}, true},
		{header("EdDSA", "k-1", "application/at+JWT"), []string{"at+jwt"}, true},
		{header("EdDSA", "k-1", "application/x/y"), []string{"x/y"}, false},
		{header("EdDSA", "k-1", "JWT"), []string{"at+jwt", ""}, false},
		{`{"alg":"EdDSA","kid":"k-1"}`, []string{"at+jwt", "JWT"}, false},
		{`{"alg":"EdDSA","kid":"k-1"}`, []string{"at+jwt", ""}, true},
		{header("EdDSA", "k-1", "logout+jwt"), []string{"at+jwt", "JWT", ""}, false},
	} {
		cfg := foreignConfig(elsewhere, k)
		cfg.Types = tc.types
		_, err := testIssuers(t, cfg).Verify(t.Context(), signRaw(t, k, tc.header, foreignJSON(t, nil)))
		if tc.good != (err == nil) || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s of %q: %v, want good %v", tc.header, tc.types, err, tc.good)
		}
	}
}

// TestForeignAttacks: another issuer's tokens are read as strictly as ours, and
// ours are beside another issuer.
func TestForeignAttacks(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	own := testVerifier(t, k)
	i, err := NewIssuers(own, foreignConfig(elsewhere, k))
	if err != nil {
		t.Fatal(err)
	}
	for whose, list := range map[string]map[string]attack{
		"ours":   attacks(t, k, claimsJSON(t, nil), claimsJSON(t, map[string]any{"sub": "admin"})),
		"theirs": attacks(t, k, foreignJSON(t, nil), foreignJSON(t, map[string]any{"sub": "admin"})),
	} {
		for name, tc := range list {
			if _, err := i.Verify(t.Context(), tc.raw); !errors.Is(err, tc.want) {
				t.Errorf("%s, %s: %v, want %v", whose, name, err, tc.want)
			}
		}
	}
	good := signRaw(t, k, goodHeader, foreignJSON(t, nil))
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	rng := mathrand.New(mathrand.NewPCG(seed, 0))
	for range 10_000 {
		raw := mutate(rng, good)
		if _, err := i.Verify(t.Context(), raw); err == nil && raw != good {
			t.Fatalf("accepted %q, mutated from %q", raw, good)
		}
	}
}

// TestKeysAreOneIssuers: three issuers use the same kid, and each is verified by
// its own key alone. Whoever names none of them asks for no key.
func TestKeysAreOneIssuers(t *testing.T) {
	const a, b = "https://a.example", "https://b.example"
	rings := map[string]*Keyring{
		testIssuer: testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)}),
		a:          testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)}),
		b:          testKeyring(t, map[string]crypto.Signer{"k-1": ecKey(t, elliptic.P256())}),
	}
	asked := ""
	keys := func(issuer string) KeySource {
		return keySourceFunc(func(ctx context.Context, kid string) (PublicKey, error) {
			asked += issuer
			return rings[issuer].Key(ctx, kid)
		})
	}
	i, err := NewIssuers(testVerifier(t, keys(testIssuer)), foreignConfig(a, keys(a)), foreignConfig(b, keys(b)))
	if err != nil {
		t.Fatal(err)
	}
	for named := range rings {
		for signer, ring := range rings {
			payload := foreignJSON(t, map[string]any{"iss": named})
			if named == testIssuer {
				payload = claimsJSON(t, nil)
			}
			asked = ""
			raw := signRaw(t, ring, header(ring.signing().public.Algorithm(), "k-1", "at+jwt"), payload)
			if _, err := i.Verify(t.Context(), raw); (err == nil) != (named == signer) || asked != named {
				t.Errorf("of %s, signed by %s: %v; asked %q", named, signer, err, asked)
			}
		}
	}
	for name, iss := range map[string]any{"unknown": "https://c.example", "empty": "", "missing": nil, "almost": a + " ", "in other case": strings.ToUpper(a)} {
		asked = ""
		raw := signRaw(t, rings[a], goodHeader, foreignJSON(t, map[string]any{"iss": iss}))
		if _, err := i.Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) || asked != "" {
			t.Errorf("iss %s: %v; asked %q", name, err, asked)
		}
	}
}

// TestForeignStamp: a token is as old as it may be.
func TestForeignStamp(t *testing.T) {
	f := &foreign{ForeignConfig: ForeignConfig{ClockSkew: 2 * time.Second}}
	for issued, want := range map[time.Time]int64{
		{}:                    1, // every cutoff covers it
		time.Unix(1, 0):       1,
		time.Unix(100, 0):     98_000,
		time.Unix(100, 999e6): 98_999,
	} {
		if got := f.stampOf(issued); got != want {
			t.Errorf("issued %v: %d, want %d", issued, got, want)
		}
	}
}

func TestTrustedIssuersNeedEveryCheck(t *testing.T) {
	own := testVerifier(t, &Keyring{})
	good := foreignConfig(elsewhere, &Keyring{})
	if _, err := NewIssuers(own, good, foreignConfig(testIssuer, &Keyring{})); err == nil {
		t.Error("our own as another")
	}
	if _, err := NewIssuers(own, good, good); err == nil {
		t.Error("one twice")
	}
	for name, breakIt := range map[string]func(*ForeignConfig){
		"issuer":     func(c *ForeignConfig) { c.Issuer = "" },
		"audience":   func(c *ForeignConfig) { c.Audience = "" },
		"keys":       func(c *ForeignConfig) { c.Keys = nil },
		"lifetime":   func(c *ForeignConfig) { c.MaxLifetime = 0 },
		"long life":  func(c *ForeignConfig) { c.MaxLifetime = maxLifetime + 1 },
		"skew":       func(c *ForeignConfig) { c.ClockSkew = -1 },
		"large skew": func(c *ForeignConfig) { c.ClockSkew = maxClockSkew + 1 },
		"user":       func(c *ForeignConfig) { c.User = nil },
		"types":      func(c *ForeignConfig) { c.Types = nil },
		"algorithms": func(c *ForeignConfig) { c.Algorithms = nil },
		"HS256":      func(c *ForeignConfig) { c.Algorithms = []string{HS256} },
		"tenant":     func(c *ForeignConfig) { c.DefaultTenant = "" },
	} {
		cfg := good
		breakIt(&cfg)
		if _, err := NewIssuers(own, cfg); err == nil {
			t.Errorf("NewIssuers accepts a bad %s", name)
		}
	}
}
