package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

// maxLeeway is the most that an edge may be set to accept a token beyond its
// expiry. Until then it is worth revoking.
const maxLeeway = 5 * time.Minute

const reasonOAuth = "oauth2_revoke"

// oauthRevoke is RFC 7009. A refresh token ends its session; an access token
// ends alone. Whoever holds a token may revoke it. The hint is not needed,
// because the two look different. 200 says that the revocation is committed,
// or that the token was good for nothing; what is only pending is told as 503,
// and the client asks again (section 2.2.1).
func (i *Issuer) oauthRevoke(c *fiber.Ctx) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	raw, err := f.required("token")
	if err != nil {
		return err
	}
	receipt, err := i.revokePresented(c.UserContext(), raw)
	if err == nil && !receipt.Committed {
		err = fmt.Errorf("%w: the revocation is pending", session.ErrUnavailable)
	}
	return err
}

// nothing is the receipt for a token that there is nothing to revoke of.
var nothing = session.Receipt{Committed: true}

func (i *Issuer) revokePresented(ctx context.Context, raw string) (session.Receipt, error) {
	if !session.IsRefreshToken(raw) {
		return i.revokeAccess(ctx, raw)
	}
	receipt, err := i.sessions.LogoutRefresh(ctx, raw)
	switch {
	case errors.Is(err, session.ErrRefreshInvalid):
		return nothing, nil
	case errors.Is(err, session.ErrEnded):
		return i.endAgain(ctx, raw)
	}
	return receipt, err
}

func (i *Issuer) revokeAccess(ctx context.Context, raw string) (session.Receipt, error) {
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer: i.config.IssuerURL, Audience: i.config.Audience, Keys: i.keys, Leeway: maxLeeway,
	})
	if err != nil {
		return session.Receipt{}, err
	}
	claims, err := verifier.Verify(ctx, raw)
	if err != nil { // no access token, or one that nobody accepts
		return nothing, nil
	}
	return i.sessions.RevokeToken(ctx, claims, reasonOAuth)
}

// endAgain is for a session that has ended. Its revocation may still be
// pending, as when a client repeats a call that was answered 503, so it is
// committed once more. Sessions that nobody revoked are left alone: without
// them there is no proof that the token was ever good.
func (i *Issuer) endAgain(ctx context.Context, raw string) (session.Receipt, error) {
	id, err := session.SessionOf(raw)
	if err != nil {
		return nothing, nil
	}
	key := events.Key(events.ScopeSession, i.config.IssuerURL, id)
	verdict, err := i.lookup.Lookup(ctx, redisstore.Question{IDs: []string{key}}, i.config.Staleness)
	switch {
	case verdict.Revoked:
		return i.revoker.Revoke(ctx, events.ScopeSession, id, reasonOAuth, "")
	case err != nil:
		return session.Receipt{}, err
	case !verdict.Vouched:
		return session.Receipt{}, session.ErrUnavailable
	}
	return nothing, nil
}
