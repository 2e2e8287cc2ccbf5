package token

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMintedTokenVerifies(t *testing.T) {
	for alg, key := range map[string]crypto.Signer{
		"EdDSA": edKey(t), "ES256": ecKey(t, elliptic.P256()), "RS256": rsaKey(t, 2048),
	} {
		t.Run(alg, func(t *testing.T) {
			k := testKeyring(t, map[string]crypto.Signer{"k-1": key})
			raw := mint(t, k, goodClaims())
			if p, err := takeApart(raw); err != nil || p.alg != alg {
				t.Fatalf("takeApart: alg %q, %v; want %q", p.alg, err, alg)
			}
			got, err := testVerifier(t, k).Verify(t.Context(), raw)
			want := goodClaims()
			want.KeyID = "k-1"
			got.withdrawn = nil
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("Verify = %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestClaimRules(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	v := testVerifier(t, k)
	type change = map[string]any
	unix := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	for name, tc := range map[string]struct {
		change change
		want   error
	}{
		"as minted":              {nil, nil},
		"audience as a string":   {change{"aud": testAudience}, nil},
		"one audience of two":    {change{"aud": []string{"x", testAudience}}, nil},
		"claims we do not know":  {change{"acr": map[string]any{"a": []int{1}}}, nil},
		"expired in the leeway":  {change{"exp": unix(-4 * time.Second)}, nil},
		"expired at the leeway":  {change{"exp": unix(-5 * time.Second)}, ErrExpired},
		"expired, wrong issuer":  {change{"exp": unix(-time.Hour), "iss": "x"}, ErrInvalid},
		"issued by a fast clock": {change{"iat": unix(10 * time.Minute)}, nil},
		"issued in the future":   {change{"iat": unix(10*time.Minute + time.Second)}, ErrInvalid},
		"not valid yet":          {change{"nbf": unix(time.Minute)}, ErrInvalid},
		"another issuer":         {change{"iss": testIssuer + "/"}, ErrInvalid},
		"another audience":       {change{"aud": []string{testAudience + "/"}}, ErrInvalid},
		"an empty audience":      {change{"aud": []string{testAudience, ""}}, ErrInvalid},
		"no audience in list":    {change{"aud": []string{}}, ErrInvalid},
		"jti too long":           {change{"jti": strings.Repeat("j", MaxID+1)}, ErrInvalid},
		"jti at the limit":       {change{"jti": strings.Repeat("j", MaxID)}, nil},
		"sid too long":           {change{"sid": strings.Repeat("s", MaxID+1)}, ErrInvalid},
		"exp beyond time":        {change{"exp": 1e300}, ErrInvalid},
		"exp negative":           {change{"exp": -1}, ErrInvalid},
		"exp not a number":       {change{"exp": true}, ErrInvalid},
		"iat_ms zero":            {change{"iat_ms": 0}, ErrInvalid},
		"iat_ms a fraction":      {change{"iat_ms": 1.5}, ErrInvalid},
		"sub not a string":       {change{"sub": 7}, ErrInvalid},
		"roles not a list":       {change{"roles": "admin"}, ErrInvalid},
		"name in other case":     {change{"jti": nil, "JTI": "j-1"}, ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			raw := signRaw(t, k, goodHeader, claimsJSON(t, tc.change))
			if _, err := v.Verify(t.Context(), raw); !errors.Is(err, tc.want) {
				t.Fatalf("Verify: %v, want %v", err, tc.want)
			}
		})
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "jti", "sid", "iat_ms", "tid"} {
		t.Run("without "+name, func(t *testing.T) {
			raw := signRaw(t, k, goodHeader, claimsJSON(t, change{name: nil}))
			if _, err := v.Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) {
				t.Fatalf("Verify: %v, want ErrInvalid", err)
			}
		})
	}
}

func TestCheckExpiryFollowsTheClock(t *testing.T) {
	now := testNow
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	v := testVerifier(t, k)
	v.cfg.Now = func() time.Time { return now }
	c, err := v.Verify(t.Context(), mint(t, k, goodClaims()))
	if err != nil {
		t.Fatal(err)
	}
	now = c.ExpiresAt.Add(5*time.Second - 1)
	if err := v.CheckExpiry(&c); err != nil {
		t.Errorf("just before the end of the leeway: %v", err)
	}
	now = now.Add(1)
	if err := v.CheckExpiry(&c); !errors.Is(err, ErrExpired) {
		t.Errorf("at the end of the leeway: %v, want ErrExpired", err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = v.CheckExpiry(&c) }); n != 0 {
		t.Errorf("CheckExpiry allocates %v times", n)
	}
}

func TestMintRefusesWhatVerifyWould(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	for name, breakIt := range map[string]func(*Claims){
		"no sid":     func(c *Claims) { c.SessionID = "" },
		"long jti":   func(c *Claims) { c.ID = strings.Repeat("j", MaxID+1) },
		"not UTF-8":  func(c *Claims) { c.ID = "\xff" },
		"no stamp":   func(c *Claims) { c.IssuedAtMillis = 0 },
		"no expiry":  func(c *Claims) { c.ExpiresAt = time.Time{} },
		"no aud":     func(c *Claims) { c.Audience = nil },
		"huge roles": func(c *Claims) { c.Roles = []string{strings.Repeat("r", MaxToken)} },
	} {
		c := goodClaims()
		breakIt(&c)
		if raw, err := k.Mint(c); err == nil || raw != "" {
			t.Errorf("%s: minted", name)
		}
	}
}

func TestVerifierNeedsEveryCheck(t *testing.T) {
	good := VerifierConfig{Issuer: testIssuer, Audience: testAudience, Keys: &Keyring{}}
	for name, breakIt := range map[string]func(*VerifierConfig){
		"issuer":                              func(c *VerifierConfig) { c.Issuer = "" },
		"audience":                            func(c *VerifierConfig) { c.Audience = "" },
		"keys":                                func(c *VerifierConfig) { c.Keys = nil },
		"leeway":                              func(c *VerifierConfig) { c.Leeway = -1 },
		"leeway, as it outlives revocations,": func(c *VerifierConfig) { c.Leeway = MaxLeeway + 1 },
	} {
		cfg := good
		breakIt(&cfg)
		if _, err := NewVerifier(cfg); err == nil {
			t.Errorf("NewVerifier accepts a bad %s", name)
		}
	}
}

// TestOnlyUsableKidsAreLookedUp: whatever a key source does with a kid, it
// never meets one that could be a path or a command.
func TestOnlyUsableKidsAreLookedUp(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	v := testVerifier(t, keySourceFunc(func(_ context.Context, kid string) (PublicKey, error) {
		t.Errorf("asked for %q", kid)
		return PublicKey{}, ErrInvalid
	}))
	for _, kid := range []string{"", "../k-1", "/etc/passwd", "a b", "a'b", "k|id", "k\x00", strings.Repeat("k", 65)} {
		raw := signRaw(t, k, header("EdDSA", kid, "at+jwt"), claimsJSON(t, nil))
		if _, err := v.Verify(t.Context(), raw); err == nil {
			t.Errorf("kid %q accepted", kid)
		}
	}
}

func TestKeysUnavailableIsNotTheTokensFault(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	v := testVerifier(t, keySourceFunc(func(context.Context, string) (PublicKey, error) {
		return PublicKey{}, ErrKeysUnavailable
	}))
	_, err := v.Verify(t.Context(), mint(t, k, goodClaims()))
	if !errors.Is(err, ErrKeysUnavailable) || errors.Is(err, ErrInvalid) {
		t.Fatalf("Verify: %v, want ErrKeysUnavailable alone", err)
	}
}

// A token of another region is nobody's here: what ended it there is not known.
func TestRegion(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	for here, accepted := range map[string]map[any]bool{
		"local": {"local": true, "other": false, "Local": false, "": false, nil: false},
		"":      {"local": true, "other": true, "": true, nil: true},
	} {
		v := testVerifier(t, k)
		v.cfg.Region = here
		for region, want := range accepted {
			raw := signRaw(t, k, goodHeader, claimsJSON(t, map[string]any{"rgn": region}))
			for name, verify := range map[string]func(context.Context, string) (Claims, error){"Verify": v.Verify, "Authentic": v.Authentic} {
				_, err := verify(t.Context(), raw)
				if (err == nil) != want || err != nil && (!errors.Is(err, ErrRegion) || !errors.Is(err, ErrInvalid)) {
					t.Errorf("%s of a token of region %v in %q: %v", name, region, here, err)
				}
			}
		}
	}
}

// Authentic does not ask what time it is, and everything else.
func TestAuthentic(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	i, err := NewIssuers(testVerifier(t, k), foreignConfig(elsewhere, k))
	if err != nil {
		t.Fatal(err)
	}
	type change = map[string]any
	unix := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	for name, c := range map[string]struct {
		change        change
		verify, other error // of Verify, and of both
	}{
		"good":            {change{}, nil, nil},
		"expired":         {change{"iat": unix(-time.Hour), "exp": unix(-55 * time.Minute)}, ErrExpired, nil},
		"from the future": {change{"iat": unix(time.Hour), "exp": unix(65 * time.Minute)}, ErrInvalid, nil},
		"not valid yet":   {change{"nbf": unix(time.Hour)}, ErrInvalid, nil},
		"for others":      {change{"aud": "x"}, ErrInvalid, ErrInvalid},
		"no user":         {change{"sub": nil}, ErrInvalid, ErrInvalid},
		"no exp":          {change{"exp": nil}, ErrInvalid, ErrInvalid},
		"no iat":          {change{"iat": nil}, ErrInvalid, ErrInvalid},
	} {
		for whose, payload := range map[string]string{"ours": claimsJSON(t, c.change), "theirs": foreignJSON(t, c.change)} {
			raw := signRaw(t, k, goodHeader, payload)
			if _, err := i.Verify(t.Context(), raw); !errors.Is(err, c.verify) || (err == nil) != (c.verify == nil) {
				t.Errorf("%s, %s: Verify: %v, want %v", whose, name, err, c.verify)
			}
			if _, err := i.Authentic(t.Context(), raw); !errors.Is(err, c.other) || (err == nil) != (c.other == nil) {
				t.Errorf("%s, %s: Authentic: %v, want %v", whose, name, err, c.other)
			}
			if _, err := i.Authentic(t.Context(), raw[:len(raw)-4]+"AAAA"); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s, %s, forged: Authentic: %v", whose, name, err)
			}
		}
	}
	raw := signRaw(t, k, goodHeader, foreignJSON(t, change{"exp": unix(20 * time.Minute)}))
	if _, err := i.Authentic(t.Context(), raw); !errors.Is(err, ErrInvalid) {
		t.Errorf("theirs, of too long a life: %v", err)
	}
}
