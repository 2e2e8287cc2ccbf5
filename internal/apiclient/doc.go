// Package apiclient calls the HTTP API of an issuer, and the two calls of an
// edge that operators need. It is what the command line speaks with.
//
// A refusal is a *Problem. No error holds a token, a password or a request
// body. Redirects are not followed: a token goes where it was meant to go.
// A Client may be used concurrently.
package apiclient
