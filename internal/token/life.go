package token

import (
	"math"
	"time"
)

// What clocks and settings may do before a revocation could end too early.
// Every limit here is part of the life of a revocation: a larger one needs a
// longer life.
const (
	// MaxLeeway is the longest that a verifier accepts a token past its exp.
	MaxLeeway = 4 * time.Minute
	// MaxLag is how far an edge's clock may be behind that of whoever stamps
	// the tokens. An edge further behind refuses our new tokens: their iat lies
	// in its future by more than that.
	MaxLag = 10 * time.Minute
	// maxLead is how far an edge's clock may be ahead. Such an edge accepts
	// another issuer's tokens that are stamped that much further ahead.
	maxLead = 4 * time.Minute
	// maxStaleness is the largest bound B.
	maxStaleness = time.Minute
	// Margin is how much longer than the tokens a revocation must live.
	Margin = MaxLeeway + MaxLag + maxStaleness

	// maxLifetime bounds ForeignConfig.MaxLifetime, and maxClockSkew its
	// ClockSkew.
	maxLifetime  = 30 * 24 * time.Hour
	maxClockSkew = 5 * time.Minute
)

// Life is how long a revocation of this issuer's tokens MUST live, counted from
// when it is filed. It is computed here and nowhere else.
//
// An edge accepts a token only if iat <= now + ClockSkew and exp <= iat +
// MaxLifetime (without iat: exp <= now + ClockSkew + MaxLifetime), so whatever an
// edge accepted before the revocation has exp <= then + maxLead + ClockSkew +
// MaxLifetime. An edge that is behind, and has a leeway, goes on until exp +
// MaxLeeway + MaxLag by a true clock; and it may learn of the revocation B late.
func (c ForeignConfig) Life() time.Duration {
	return c.MaxLifetime + c.ClockSkew + maxLead + Margin
}

// LifeOf is how long a revocation of one token MUST live, which may be stamped
// further ahead than its issuer's clock should be: until no edge accepts it,
// though the clock that says now may be MaxLag ahead.
func (c ForeignConfig) LifeOf(claims *Claims, now time.Time) time.Duration {
	const beyond = MaxLag + Margin
	return max(c.Life(), min(claims.ExpiresAt.Sub(now), math.MaxInt64-beyond)+beyond)
}

// spentAfter is Margin, for the verifier, and three quarters of an hour for the
// clock of whoever asks: to revoke a token in vain costs little.
const spentAfter = time.Hour

// Spent reports whether a token has expired so long ago that no verifier accepts
// it any more, whatever is wrong with its clock and with the one that says now.
func Spent(expires, now time.Time) bool { return now.Sub(expires) >= spentAfter }
