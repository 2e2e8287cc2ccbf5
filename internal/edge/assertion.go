package edge

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
)

const (
	assertionType = "curfew-assertion+jwt"
	assertionTTL  = 60 * time.Second
	// assertionAge is how long one is used again. What is left of its life is
	// for the way and for clocks that differ.
	assertionAge  = 30 * time.Second
	assertionsMax = 10_000 // kept; some 20 MB
)

// An assertor says to the service behind the edge, signed, whose a request is:
// what the identity headers say, for services that cannot be sure that only the
// edge reaches them. One statement serves all requests of a token for
// assertionAge. Its methods may be called concurrently.
type assertor struct {
	key              ed25519.PrivateKey
	kid              string
	issuer, audience string
	made             *lru.Cache[string, assertion] // by token
}

type assertion struct {
	text string
	at   time.Time
}

// newAssertor returns nil where no assertions are wanted.
func newAssertor(cfg config.Edge) (*assertor, error) {
	if cfg.Assertion == "" {
		return nil, nil
	}
	key, err := assertionKey(cfg.AssertionKey)
	if err != nil {
		return nil, fmt.Errorf("assertion_key: %w", err)
	}
	made, err := lru.New[string, assertion](assertionsMax)
	if err != nil {
		return nil, err
	}
	a := &assertor{key: key, issuer: cmp.Or(cfg.EdgeURL, "urn:curfew:edge:"+cfg.EdgeID), audience: cfg.Assertion, made: made}
	thumbprint := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + a.x() + `"}`)) // RFC 7638, RFC 8037
	a.kid = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	return a, nil
}

// of returns the assertion for a request with this token, which may lie in the
// request's buffer.
func (a *assertor) of(raw string, id *guard.Identity) (string, error) {
	now := time.Now()
	if kept, ok := a.made.Get(raw); ok && now.Sub(kept.at) < assertionAge {
		return kept.text, nil
	}
	claims := jwt.MapClaims{
		"iss": a.issuer, "aud": a.audience, "iat": now.Unix(), "exp": now.Add(assertionTTL).Unix(),
		"sub": id.UserID, "sid": id.SessionID, "tid": id.Tenant, "roles": append([]string{}, id.Roles...), "scope": id.Scope,
		"token_iss": id.Issuer,
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["kid"], t.Header["typ"] = a.kid, assertionType
	text, err := t.SignedString(a.key)
	if err != nil {
		return "", fmt.Errorf("edge: assertion: %w", err)
	}
	a.made.Add(strings.Clone(raw), assertion{text, now})
	return text, nil
}

func (a *assertor) x() string {
	return base64.RawURLEncoding.EncodeToString(a.key.Public().(ed25519.PublicKey))
}

// jwks publishes the key, for whoever gets the assertions (RFC 7517).
func (a *assertor) jwks(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=60")
	return c.JSON(fiber.Map{"keys": []fiber.Map{{
		"kty": "OKP", "crv": "Ed25519", "x": a.x(), "kid": a.kid, "use": "sig", "alg": "EdDSA",
	}}})
}
