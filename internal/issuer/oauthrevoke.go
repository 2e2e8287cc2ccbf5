package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

const reasonOAuth = "oauth2_revoke"

// oauthRevoke is RFC 7009. A refresh token ends its session; an access token
// ends alone. Whoever holds a token may revoke it. The hint is not needed,
// because the two look different. 200 says that the revocation is committed,
// or that the token is good for nothing at any edge; what is only pending is told
// as 503, and the client asks again (section 2.2.1).
func (i *Issuer) oauthRevoke(c *fiber.Ctx) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	raw, err := f.required("token")
	if err != nil {
		return err
	}
	receipt, err := i.revokePresented(c, raw)
	if err == nil && !receipt.Committed {
		err = fmt.Errorf("%w: the revocation is pending", session.ErrUnavailable)
	}
	return err
}

// nothing is the receipt for a token that there is nothing to revoke of.
var nothing = session.Receipt{Committed: true}

func (i *Issuer) revokePresented(c *fiber.Ctx, raw string) (session.Receipt, error) {
	if !session.IsRefreshToken(raw) {
		return i.revokeAccess(c, raw)
	}
	ctx := c.UserContext()
	receipt, err := i.sessions.LogoutRefresh(ctx, raw)
	switch {
	case errors.Is(err, session.ErrRefreshInvalid):
		return nothing, nil
	case errors.Is(err, session.ErrEnded) && receipt.Committed: // once more
		return receipt, nil
	case errors.Is(err, session.ErrEnded):
		return i.endAgain(ctx, raw)
	}
	return receipt, err
}

// revokeAccess goes by the signature alone, not by this machine's clock and settings:
// an edge that has others may accept a token that has expired here, is not valid yet,
// or is for another audience. What cannot be revoked here although an edge may accept
// it is an error.
func (i *Issuer) revokeAccess(c *fiber.Ctx, raw string) (session.Receipt, error) {
	ctx := c.UserContext()
	claims, err := i.others.ending.Authentic(ctx, raw)
	if errors.Is(err, token.ErrInvalid) && !errors.Is(err, token.ErrKeyAbsent) && !errors.Is(err, token.ErrRegion) {
		if ours, wrong := i.verifier.Signed(ctx, raw); wrong == nil {
			if claims, err = ours, nil; ours.Region != i.config.Region {
				err = token.ErrRegion
			}
		}
	}
	expires := claims.ExpiresAt
	if errors.Is(err, token.ErrKeyAbsent) {
		expires = token.NamedExpiry(raw)
	}
	switch {
	case errors.Is(err, token.ErrRegion):
		return session.Receipt{}, &oauthError{unsupportedTokenType, "the token is of another region: revoke it there"}
	case errors.Is(err, token.ErrKeysUnavailable):
		return session.Receipt{}, fmt.Errorf("%w: %w", session.ErrUnavailable, err)
	case err != nil && i.cannotTell(raw):
		return session.Receipt{}, &oauthError{unsupportedTokenType, "the entry of this issuer in trusted_issuers does not say which tokens are accepted"}
	case err != nil && !errors.Is(err, token.ErrKeyAbsent): // no access token, or one that nobody accepts
		return nothing, nil
	}
	switch spent, unknown := i.spent(ctx, expires); {
	case unknown != nil:
		return session.Receipt{}, unknown
	case spent:
		return nothing, nil
	case err != nil: // others may have the key
		return session.Receipt{}, fmt.Errorf("%w: %w", session.ErrUnavailable, err)
	case claims.Foreign, claims.Issuer != i.config.IssuerURL: // the latter by our key, under another issuer_url
		return i.revokeForeign(c, claims)
	}
	return i.sessions.RevokeToken(ctx, claims, reasonOAuth)
}

// spent reports whether no edge accepts a token any more that expires then. By this
// machine's clock that may seem so; the store's, which dates tokens, decides.
func (i *Issuer) spent(ctx context.Context, expires time.Time) (bool, error) {
	if !token.Spent(expires, i.now()) {
		return false, nil
	}
	now, err := i.store.Now(ctx)
	return err == nil && token.Spent(expires, now), err
}

// cannotTell reports whether a token may be one that edges accept, of which the
// settings here do not say enough.
func (i *Issuer) cannotTell(raw string) bool {
	of, trusted := i.config.TrustedIssuers.Find(token.NamedIssuer(raw))
	return trusted && !knowsTokens(of)
}

// revokeForeign ends a token of a trusted issuer: alone if it has a jti, else
// together with the others of its session. By its user alone it cannot be told
// from tokens that its holder may not end.
func (i *Issuer) revokeForeign(c *fiber.Ctx, claims token.Claims) (session.Receipt, error) {
	r := events.Revocation{
		Scope: events.ScopeToken, Subject: claims.ID, Issuer: claims.Issuer, Reason: reasonOAuth, Actor: claims.Subject,
		TTLMillis: min(i.others.rules[claims.Issuer].LifeOf(&claims, i.now()), events.MaxTTL).Milliseconds(),
	}
	if r.Subject == "" {
		r.Scope, r.Subject = events.ScopeSession, claims.SessionID
	}
	if r.Subject == "" {
		return session.Receipt{}, &oauthError{unsupportedTokenType, "the token has neither a jti nor a session id to revoke it by"}
	}
	receipt, err := i.revoker.Commit(c.UserContext(), r)
	if err == nil {
		i.trail.Record(session.Event{
			Kind: session.EventTokenRevoked, At: time.Now(), Tenant: claims.Tenant, UserID: claims.Subject, SessionID: claims.SessionID,
			IP: i.proxies.ClientIP(c), UserAgent: string(c.Request().Header.UserAgent()), RequestID: front.RequestID(c),
			Reason: reasonOAuth, Actor: claims.Subject, Issuer: claims.Issuer,
			Scope: string(r.Scope), Subject: r.Subject, RevocationID: receipt.RevocationID,
		}.Clipped())
	}
	return receipt, err
}

// endAgain is for a session that has ended, and was opened by a key that has
// retired. Its revocation may still be pending, as when a client repeats a call that
// was answered 503, so it is committed once more. Sessions that nobody revoked are
// left alone: without them there is no proof that the token was ever good. It may have
// ended by a cutoff that edges do not have yet.
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
	return i.flushed(ctx), nil
}
