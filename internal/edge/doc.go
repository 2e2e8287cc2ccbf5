// Package edge is the service that stands where requests pass: package guard
// behind HTTP, and a reverse proxy. cmd/edge and cmd/curfew run the same code.
//
// The decision about a request is guard.Guard.Check; here it only becomes an
// answer.
package edge
