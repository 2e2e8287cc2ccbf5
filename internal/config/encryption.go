package config

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// Encryption is TLS: on our listeners, and towards the servers that we connect to.
type Encryption struct {
	TLSCert     string `koanf:"tls_cert" usage:"PEM file with the certificate of the listeners; empty: they speak plain text"`
	TLSKey      string `koanf:"tls_key" usage:"PEM file with the key of tls_cert"`
	TLSClientCA string `koanf:"tls_client_ca" usage:"PEM file with the authorities of the certificates that clients must show; empty: they need none"`

	NATSCA   string `koanf:"nats_ca" usage:"PEM file with the authorities of the NATS servers; empty: the system's"`
	NATSCert string `koanf:"nats_cert" usage:"PEM file with our certificate for NATS"`
	NATSKey  string `koanf:"nats_key" usage:"PEM file with the key of nats_cert"`

	RedisCA   string `koanf:"redis_ca" usage:"PEM file with the authorities of the Redis servers; empty: the system's"`
	RedisCert string `koanf:"redis_cert" usage:"PEM file with our certificate for Redis"`
	RedisKey  string `koanf:"redis_key" usage:"PEM file with the key of redis_cert"`

	IssuerCA   string `koanf:"issuer_ca" usage:"PEM file with the authorities of issuers; empty: the system's"`
	IssuerCert string `koanf:"issuer_cert" usage:"PEM file with our certificate for issuers that ask for one"`
	IssuerKey  string `koanf:"issuer_key" usage:"PEM file with the key of issuer_cert"`

	InsecureSkipVerify string `koanf:"insecure_skip_verify" usage:"servers whose certificates are not verified, of nats, redis, issuer and upstream, separated by commas"`
}

// The servers that insecure_skip_verify can name.
const (
	peerNATS     = "nats"
	peerRedis    = "redis"
	peerIssuer   = "issuer"
	peerUpstream = "upstream"
)

// Listeners are the files of the listeners.
func (e Encryption) Listeners() tlsfiles.Files {
	return tlsfiles.Files{Cert: e.TLSCert, Key: e.TLSKey, CA: e.TLSClientCA}
}

// Operations are the files of ops_listen. Whoever collects metrics shows no certificate.
func (e Encryption) Operations() tlsfiles.Files {
	return tlsfiles.Files{Cert: e.TLSCert, Key: e.TLSKey}
}

// NATS is how NATS servers are verified, and what they are shown.
func (e Encryption) NATS() tlsfiles.Peer {
	return tlsfiles.Peer{Files: tlsfiles.Files{Cert: e.NATSCert, Key: e.NATSKey, CA: e.NATSCA}, Unverified: e.skips(peerNATS)}
}

// Redis is how Redis servers are verified, and what they are shown.
func (e Encryption) Redis() tlsfiles.Peer {
	return tlsfiles.Peer{Files: tlsfiles.Files{Cert: e.RedisCert, Key: e.RedisKey, CA: e.RedisCA}, Unverified: e.skips(peerRedis)}
}

// Issuers is how issuers are verified, and what they are shown.
func (e Encryption) Issuers() tlsfiles.Peer {
	return tlsfiles.Peer{Files: tlsfiles.Files{Cert: e.IssuerCert, Key: e.IssuerKey, CA: e.IssuerCA}, Unverified: e.skips(peerIssuer)}
}

func (e Encryption) skips(peer string) bool { return slices.Contains(e.skipped(), peer) }

func (e Encryption) skipped() (peers []string) {
	if e.InsecureSkipVerify == "" {
		return nil
	}
	for name := range strings.SplitSeq(e.InsecureSkipVerify, ",") {
		peers = append(peers, strings.TrimSpace(name))
	}
	return peers
}

// WarnUnverified says in the log what is not verified.
func (e Encryption) WarnUnverified(log *slog.Logger) {
	for _, peer := range e.skipped() {
		log.Warn("insecure_skip_verify: whoever is on the way can read and change everything", "server", peer)
	}
}

// check: redisURL is whatever it is, also none.
func (e Encryption) check(p *checks, redisURL string) {
	p.tlsFiles("tls_", e.Listeners())
	p.that("tls_client_ca", e.TLSClientCA == "" || e.TLSCert != "", "is of no use without tls_cert")
	p.tlsFiles("nats_", e.NATS().Files)
	p.tlsFiles("redis_", e.Redis().Files)
	p.tlsFiles("issuer_", e.Issuers().Files)
	for _, peer := range e.skipped() {
		p.oneOf("insecure_skip_verify", peer, peerNATS, peerRedis, peerIssuer, peerUpstream)
	}
	skip := ""
	if e.skips(peerRedis) {
		skip = peerRedis
	}
	for setting, value := range map[string]string{"redis_ca": e.RedisCA, "redis_cert": e.RedisCert, "insecure_skip_verify": skip} {
		p.that(setting, value == "" || redisURL == NoRedis || redisURL == "" || strings.HasPrefix(redisURL, "rediss://"),
			"is of no use unless redis_url begins with rediss://")
	}
	u, err := url.Parse(redisURL)
	if err != nil {
		return // checked as an URL elsewhere
	}
	p.that("redis_url", !u.Query().Has("skip_verify") || e.skips(peerRedis),
		"skip_verify: a certificate is left unverified only where insecure_skip_verify names redis")
}

// tlsFiles checks files whose settings begin with prefix.
func (c *checks) tlsFiles(prefix string, f tlsfiles.Files) {
	for _, err := range flatten(f.Check()) {
		wrong, ok := errors.AsType[*tlsfiles.Error](err)
		if !ok {
			continue
		}
		setting := prefix + wrong.Part
		if setting == "tls_ca" {
			setting = "tls_client_ca"
		}
		c.that(setting, false, "%s", wrong.Reason)
	}
}

// encrypted checks that a URL is one that p is of use for.
func (c *checks) encrypted(setting, link, what string, p tlsfiles.Peer) {
	c.that(setting, p == (tlsfiles.Peer{}) || strings.HasPrefix(strings.ToLower(link), "https://"),
		"want https://, for %s is set: over http:// nothing is encrypted or verified", what)
}
