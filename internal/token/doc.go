// Package token mints access tokens (JWTs, RFC 9068), verifies them, and
// holds the keys for both. It verifies those of other issuers too, each by its
// own rules and keys: issuers.go, foreign.go.
//
// Promise: Verify returns claims only for a token that is byte for byte what
// an issuer signed with a key of the KeySource, is meant for this issuer and
// audience, carries every claim that the revocation rules need, and has not
// expired. Whether it was revoked is not asked here.
//
// A token is read by exactly one parser, the strict one in strict.go and
// object.go; golang-jwt supplies the signatures only. Its own parser lets
// through unknown "crit", any "typ", duplicate names and line breaks (against
// RFC 7515 section 4 and RFC 8725 section 3.11), and a second parser could
// disagree with the first about what was signed. The order is: size and
// alphabet, header, key, signature, and only then are the claims parsed at all.
// Where several issuers are trusted, iss alone is read before, to know whose
// keys count; the claims that follow have to name the same.
//
// The algorithm follows from the key and never from the token: Ed25519 is
// EdDSA, P-256 is ES256, RSA of 2048 bits or more is RS256, a shared secret is
// HS256. The token's "alg" has to name the same.
//
// Keys are published first, sign later and are retired last: lifecycle.go has
// the rules, docs/keys.md the operator's view.
//
// Concurrency: Keyring, Verifier and RemoteKeys may be used by any number of
// goroutines. Each swaps its whole key set at once; a Keyring and RemoteKeys
// have one goroutine that does so, the caller of Run, besides Rotate.
//
// Errors never hold a token, a part of one, or key material.
package token
