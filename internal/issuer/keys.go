package issuer

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

// maxKeyAge is the longest that a JWK Set may be cached.
const maxKeyAge = 60 * time.Second

func keyringConfig(cfg config.Issuer, log *slog.Logger) token.KeyringConfig {
	k := token.KeyringConfig{
		Dir: cfg.KeysDir, Create: true, Algorithm: cfg.KeyAlgorithm, HS256Secret: cfg.HS256Secret,
		PublishDelay: cfg.KeyPublishDelay, Keep: cfg.AccessTTL + cfg.KeyRetireMargin, RotateEvery: cfg.KeyRotateEvery, Log: log,
	}
	if cfg.KeyAlgorithm == token.HS256 {
		log.Warn("key_algorithm HS256: every edge and whoever reads its secret can sign tokens for anybody; docs/keys.md says what to use instead")
		k.Algorithm = token.EdDSA // of the keys that wait in the directory
	}
	return k
}

// jwks answers the public keys. They may be cached for half the time that a
// new key waits before it signs.
func (i *Issuer) jwks(c *fiber.Ctx) error {
	age := min(maxKeyAge, i.config.KeyPublishDelay/2)
	c.Set(fiber.HeaderContentType, "application/jwk-set+json")
	c.Set(fiber.HeaderCacheControl, fmt.Sprintf("public, max-age=%d", age/time.Second))
	return c.Send(i.keys.JWKS())
}

type keyResponse struct {
	KeyID     string         `json:"kid"`
	Algorithm string         `json:"algorithm"`
	State     token.KeyState `json:"state"` // published, signing or retiring
	Created   time.Time      `json:"created,omitzero"`
	SignsFrom time.Time      `json:"signs_from,omitzero"`
	RetireAt  time.Time      `json:"retire_at,omitzero"`
}

func keyOf(k token.KeyInfo) keyResponse {
	return keyResponse{
		KeyID: k.ID, Algorithm: k.Algorithm, State: k.State,
		Created: k.Created.UTC(), SignsFrom: k.SignsFrom.UTC(), RetireAt: k.RetireAt.UTC(),
	}
}

func (i *Issuer) listKeys(c *fiber.Ctx) error {
	keys := i.keys.Keys()
	out := make([]keyResponse, 0, len(keys))
	for _, k := range keys {
		out = append(out, keyOf(k))
	}
	return c.JSON(fiber.Map{"keys": out})
}

type rotateRequest struct {
	Algorithm string `json:"algorithm"`
}

// rotateKeys makes a key, which is published at once and signs later.
func (i *Issuer) rotateKeys(c *fiber.Ctx) error {
	var req rotateRequest
	if len(c.Body()) > 0 {
		var err error
		if req, err = front.DecodeJSON[rotateRequest](c); err != nil {
			return err
		}
	}
	key, err := i.keys.Rotate(req.Algorithm)
	switch {
	case errors.Is(err, token.ErrRotationPending):
		return front.RotationPending().Because(err)
	case errors.Is(err, token.ErrAlgorithm):
		return front.BadRequest("algorithm: want EdDSA, ES256 or RS256; with HS256 the key is a setting").Because(err)
	case err != nil:
		i.log.ErrorContext(c.UserContext(), "cannot rotate the signing keys", "error", err)
		return front.Unavailable("the keys directory cannot be written right now").Because(err)
	}
	i.recordAct(c, session.Event{Action: "keys.rotate", Subject: key.ID})
	return c.JSON(keyOf(key))
}

// keyRotated records a rotation that nobody asked for.
func (i *Issuer) keyRotated(k token.KeyInfo) {
	i.trail.Record(session.Event{
		Kind: session.EventAdmin, At: time.Now(), Action: "keys.rotate", Subject: k.ID, Reason: "key_rotate_every", Actor: "curfew",
	})
}
