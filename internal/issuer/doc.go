// Package issuer is the service that signs users in and out: the session rules
// behind HTTP, and the keeper that keeps log and store equal. cmd/issuer and
// cmd/curfew run the same code.
//
// Where to look: http.go has the routes, login.go and sessions.go what they do,
// package commit how a revocation is published, package session the rules.
package issuer
