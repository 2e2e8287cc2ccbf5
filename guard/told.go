package guard

import (
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
)

// keep takes into the copy what the store has said of a token: no request with
// it is accepted here any more, although the log has not brought the revocation
// yet, and whatever the store says later. The store does not say what it was that
// ended the token, so no more is kept than must follow:
//
//   - Revoked: this very token is.
//   - Outdated: a cutoff of its user, of its tenant or of all covers its stamp,
//     so that every token of this user stamped at or before it is outdated too.
func (g *Guard) keep(v *verified, told cache.Answer) {
	// The margin is for this node's wall clock, which may be set back.
	life := time.Until(v.claims.ExpiresAt.Add(g.config.Leeway + margin)) // saturates
	switch told {
	case cache.Revoked:
		g.copy.Add(v.token.IDs[0], life)
		g.recheckSoon(v.token.IDs[0])
	case cache.Outdated:
		g.copy.Cut(v.token.User, cache.Cutoff{Refresh: v.token.Stamp}, life)
		g.recheckSoon(v.token.User)
	}
}
