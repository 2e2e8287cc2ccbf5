// Package session holds the rules of signing in and out: what a login, a
// refresh and a logout do, and what a refresh token is.
//
// It promises that a refresh token is exchanged once, that a retry of the
// exchange gets the same successor, and that any other second use ends the
// session everywhere. It decides no time itself: what is stamped, expired or
// in grace is decided by the store's clock, so issuers' clocks do not matter.
//
// Everything exported may be used by any number of goroutines.
package session
