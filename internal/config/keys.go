package config

import "time"

// Keys is how the issuer's signing keys follow each other.
type Keys struct {
	KeyAlgorithm    string        `koanf:"key_algorithm" default:"EdDSA" usage:"of newly made keys: EdDSA, ES256 or RS256; or HS256 to sign with hs256_secret"`
	HS256Secret     string        `koanf:"hs256_secret" secret:"true" usage:"secret that issuers and edges share, for key_algorithm HS256"`
	KeyPublishDelay time.Duration `koanf:"key_publish_delay" default:"60s" usage:"how long a new key is published before it signs"`
	KeyRetireMargin time.Duration `koanf:"key_retire_margin" default:"5m" usage:"how long a key stays published after its last token has expired"`
	KeyRotateEvery  time.Duration `koanf:"key_rotate_every" default:"0s" usage:"age at which the newest key gets a successor, 0 for never"`
}

const (
	minHS256 = 32 // bytes, as package token demands
	maxHS256 = 4096
)

func (k Keys) check(p *checks) {
	p.oneOf("key_algorithm", k.KeyAlgorithm, "EdDSA", "ES256", "RS256", "HS256")
	if k.KeyAlgorithm == "HS256" {
		p.that("hs256_secret", k.HS256Secret != "", "HS256 needs it: the same on all issuers and edges, e.g. the output of: openssl rand -hex 32")
	} else {
		p.that("hs256_secret", k.HS256Secret == "", "only for key_algorithm HS256")
	}
	checkSecret(p, k.HS256Secret)
	within(p, "key_publish_delay", k.KeyPublishDelay, 5*time.Second, 24*time.Hour)
	within(p, "key_retire_margin", k.KeyRetireMargin, 5*time.Second, 24*time.Hour)
	p.that("key_rotate_every", k.KeyRotateEvery == 0 || k.KeyRotateEvery >= time.Hour && k.KeyRotateEvery <= 10*year,
		"want 0, or 1h to ten years, got %v", k.KeyRotateEvery)
}

func checkSecret(p *checks, secret string) {
	n := len(secret)
	p.that("hs256_secret", n == 0 || n >= minHS256 && n <= maxHS256, "want %d to %d bytes", minHS256, maxHS256)
}
