package token

import (
	"crypto"
	"math"
	mathrand "math/rand/v2"
	"testing"
	"time"
)

// A sky is the clocks and settings under which one token is accepted.
type sky struct {
	t        *testing.T
	verifier *Issuers
	cfg      ForeignConfig
	leeway   time.Duration
	now      time.Time // what the verifier's clock says
	raw      string
	iat, exp time.Time

	// What Verify makes of the token, in the two steps that it takes: the first,
	// with the signature, does not depend on the time and is taken once.
	rules     rules
	claims    Claims
	notBefore time.Time
	bad       error
	asked     int
}

// newSky signs a token of another issuer; without iat if that is zero.
func newSky(t *testing.T, k *Keyring, cfg ForeignConfig, leeway time.Duration, iat, exp time.Time) *sky {
	t.Helper()
	s := &sky{t: t, cfg: cfg, leeway: leeway, iat: iat, exp: exp}
	own, err := NewVerifier(VerifierConfig{
		Issuer: testIssuer, Audience: testAudience, Leeway: leeway, Keys: k, Now: func() time.Time { return s.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.verifier, err = NewIssuers(own, cfg); err != nil {
		t.Fatal(err)
	}
	change := map[string]any{"iat": nil, "exp": exp.Unix()}
	if !iat.IsZero() {
		change["iat"] = iat.Unix()
	}
	s.raw = signRaw(t, k, goodHeader, foreignJSON(t, change))
	p, err := takeApart(s.raw)
	if err != nil {
		t.Fatal(err)
	}
	if s.rules, err = s.verifier.rulesOf(p); err != nil {
		t.Fatal(err)
	}
	s.claims, s.notBefore, s.bad = s.rules.authentic(t.Context(), p)
	return s
}

// accepts tells whether an edge whose clock is off accepts the token at a time.
func (s *sky) accepts(at time.Time, off time.Duration) bool {
	s.now = at.Add(off)
	accepted := s.bad == nil && s.rules.timely(&s.claims, s.notBefore) == nil
	if s.asked++; s.asked%8 == 1 {
		if _, err := s.verifier.Verify(s.t.Context(), s.raw); (err == nil) != accepted {
			s.t.Fatalf("accepted: %v, and Verify says %v", accepted, err)
		}
	}
	return accepted
}

// first is when such an edge accepts the token for the first time.
func (s *sky) first(off time.Duration) time.Time {
	stamped := s.iat
	if stamped.IsZero() {
		stamped = s.exp.Add(-s.cfg.MaxLifetime)
	}
	return stamped.Add(-s.cfg.ClockSkew - off)
}

// last is when it accepts the token for the last time.
func (s *sky) last(off time.Duration) time.Time { return s.exp.Add(s.leeway - off - 1) }

// over fails if any edge accepts the token once its revocation may be gone. It
// returns how much later the last one did.
func (s *sky) over(gone time.Time, what string) time.Duration {
	s.t.Helper()
	least := time.Duration(math.MaxInt64)
	for _, off := range []time.Duration{-MaxLag, 0, time.Hour} {
		for _, at := range []time.Time{gone, later(gone, s.first(off)), later(gone, s.last(off))} {
			if s.accepts(at, off) {
				s.t.Fatalf("%s: an edge whose clock is off by %v accepts the token %v after its revocation ended (max_lifetime %v, clock_skew %v, leeway %v, iat %v, exp %v)",
					what, off, at.Sub(gone), s.cfg.MaxLifetime, s.cfg.ClockSkew, s.leeway, s.iat, s.exp)
			}
		}
		least = min(least, gone.Sub(s.last(off)))
	}
	return least
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// skies goes through the settings at the edge of what they may be, and calls f
// with tokens that live as long as they may, and some that live less.
func skies(t *testing.T, f func(rng *mathrand.Rand, sky func(iat time.Time) *sky, cfg ForeignConfig)) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	rng := mathrand.New(mathrand.NewPCG(seed, 0))
	for _, lifetime := range []time.Duration{time.Minute, maxLifetime} {
		for _, skew := range []time.Duration{0, 5 * time.Second, maxClockSkew} {
			for _, leeway := range []time.Duration{0, 5 * time.Second, MaxLeeway} {
				for _, withIAT := range []bool{true, false} {
					for _, life := range []time.Duration{lifetime, lifetime - random(rng, lifetime).Truncate(time.Second)} {
						cfg := foreignConfig(elsewhere, k)
						cfg.MaxLifetime, cfg.ClockSkew, cfg.IATOptional = lifetime, skew, !withIAT
						f(rng, func(iat time.Time) *sky {
							s := newSky(t, k, cfg, leeway, iat, iat.Add(life))
							if !withIAT {
								s = newSky(t, k, cfg, leeway, time.Time{}, iat.Add(life))
							}
							return s
						}, cfg)
					}
				}
			}
		}
	}
}

// TestRevocationsOutliveForeignTokens: whatever an edge accepted before a
// revocation was filed, and whatever an issuer had made whose clock is right
// within clock_skew, no edge accepts when the revocation is gone, B early.
func TestRevocationsOutliveForeignTokens(t *testing.T) {
	tightest := time.Duration(math.MaxInt64)
	skies(t, func(rng *mathrand.Rand, sky func(time.Time) *sky, cfg ForeignConfig) {
		for _, ahead := range []time.Duration{cfg.ClockSkew, 0, -time.Minute, -time.Hour, -random(rng, time.Hour).Truncate(time.Second)} {
			s := sky(testNow.Add(ahead))
			filed := testNow.Add(random(rng, time.Minute)) // after the token was made
			s.over(filed.Add(cfg.Life()-maxStaleness), "made before")
		}
		for _, off := range []time.Duration{-MaxLag, 0, maxLead, maxLead - random(rng, maxLead+MaxLag)} {
			s := sky(testNow.Add(random(rng, 24*time.Hour).Truncate(time.Second))) // by any clock
			first := s.first(off)
			if s.accepts(first.Add(-1), off) {
				t.Fatalf("accepted before it was to be")
			}
			filed := first
			if !s.accepts(filed, off) { // then it is over already
				filed = s.last(off)
			}
			tightest = min(tightest, s.over(filed.Add(cfg.Life()-maxStaleness), "accepted before"))
		}
	})
	if tightest > time.Second {
		t.Errorf("the tokens ended at least %v too early to show anything", tightest)
	}
}

// TestLifeOfOneToken: a token that is stamped ahead by whatever is covered until
// no edge accepts it, though the clock of whoever files that is wrong too.
func TestLifeOfOneToken(t *testing.T) {
	skies(t, func(rng *mathrand.Rand, sky func(time.Time) *sky, cfg ForeignConfig) {
		for _, ahead := range []time.Duration{-cfg.MaxLifetime, 0, time.Hour, 5 * 365 * 24 * time.Hour, random(rng, 1000*time.Hour).Truncate(time.Second)} {
			for _, off := range []time.Duration{-MaxLag, 0, MaxLag} {
				s := sky(testNow.Add(ahead))
				life := cfg.LifeOf(&Claims{ExpiresAt: s.exp}, testNow.Add(off))
				s.over(testNow.Add(life-maxStaleness), "ahead")
			}
		}
	})
	for _, exp := range []int64{maxUnix - 1, 1} { // and nothing overflows
		c := ForeignConfig{MaxLifetime: time.Hour}
		if life := c.LifeOf(&Claims{ExpiresAt: time.Unix(exp, 0)}, testNow); life < c.Life() || exp > testNow.Unix() && life < 100*365*24*time.Hour {
			t.Errorf("exp %d: a life of %v", exp, life)
		}
	}
}

// TestSpentTokens: no edge accepts what is spent, by a clock that is ahead.
func TestSpentTokens(t *testing.T) {
	skies(t, func(rng *mathrand.Rand, sky func(time.Time) *sky, _ ForeignConfig) {
		s := sky(testNow)
		for _, ahead := range []time.Duration{-time.Hour, 0, MaxLag, spentAfter - Margin, random(rng, spentAfter-Margin)} {
			c, filed := Claims{ExpiresAt: s.exp}, s.last(-MaxLag)
			if Spent(c.ExpiresAt, filed.Add(ahead)) {
				t.Fatalf("%v ahead: spent while an edge accepts it", ahead)
			}
			filed = s.exp.Add(spentAfter - ahead)
			if !Spent(c.ExpiresAt, filed.Add(ahead)) {
				t.Fatalf("%v ahead: not spent", ahead)
			}
			s.over(filed, "spent")
		}
	})
}

// TestRevocationsOutliveOurTokens: those carry the store's time, from which the
// edges' clocks differ.
func TestRevocationsOutliveOurTokens(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	for _, life := range []time.Duration{time.Minute, 24 * time.Hour} {
		c := goodClaims()
		c.IssuedAt, c.ExpiresAt = testNow, testNow.Add(life)
		raw := mint(t, k, c)
		for _, leeway := range []time.Duration{0, MaxLeeway} {
			now := testNow
			v, err := NewVerifier(VerifierConfig{
				Issuer: testIssuer, Audience: testAudience, Leeway: leeway, Keys: k, Now: func() time.Time { return now },
			})
			if err != nil {
				t.Fatal(err)
			}
			accepts := func(at time.Time, off time.Duration) bool {
				now = at.Add(off)
				_, err := v.Verify(t.Context(), raw)
				return err == nil
			}
			gone := testNow.Add(life + Margin - maxStaleness)
			for _, off := range []time.Duration{-MaxLag, 0, time.Hour} {
				if accepts(gone, off) {
					t.Errorf("lifetime %v, leeway %v: an edge whose clock is off by %v accepts the token after its revocation", life, leeway, off)
				}
			}
			if accepts(testNow, -MaxLag-1) {
				t.Errorf("lifetime %v: an edge that is further behind than a revocation covers takes new tokens", life)
			}
			if leeway == MaxLeeway && !accepts(gone.Add(-1), -MaxLag) {
				t.Error("the bound is not tight, and shows nothing")
			}
		}
	}
}

func random(rng *mathrand.Rand, below time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(below)))
}
