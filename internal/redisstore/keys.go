package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// keys names everything one region keeps. The region MUST be non-empty and
// free of braces, or the keys spread over a cluster's slots.
type keys struct{ prefix string }

func newKeys(region string) keys { return keys{prefix: "curfew:{" + region + "}:"} }

func (k keys) stamp() string             { return k.prefix + "stamp" }
func (k keys) vouch() string             { return k.prefix + "vouch" }
func (k keys) furthest() string          { return k.prefix + "furthest" }
func (k keys) held() string              { return k.prefix + "revs" }
func (k keys) cuts() string              { return k.prefix + "cuts" }
func (k keys) outbox() string            { return k.prefix + "outbox" }
func (k keys) refill(tok string) string  { return k.prefix + "refill:" + tok }
func (k keys) sessions() string          { return k.prefix + "s:" }
func (k keys) session(sid string) string { return k.sessions() + sid }
func (k keys) indexes() string           { return k.prefix + "u:" }
func (k keys) index(name string) string  { return k.indexes() + name }
func (k keys) revocations() string       { return k.prefix + "rev:" }

// revocation takes an events.Key.
func (k keys) revocation(key string) string { return k.revocations() + key }

// indexName names the list of one user's sessions. Lengths go into the hash,
// so that no tenant and user can pose as another pair.
func indexName(tenant, userID string) string {
	h := sha256.New()
	for _, part := range [...]string{tenant, userID} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
