// Package front is what the HTTP fronts of the issuer and the edge share: one
// Fiber application that is bounded in every size and time, problem documents
// (RFC 9457) for every error, strict decoding of JSON, bearer tokens, probes,
// metrics, and serving with a graceful end.
//
// The promise: whatever a client sends, it gets a status and a problem that
// say nothing of the inside, and nothing it sent but method, route pattern
// and request id gets into a log. Handlers return errors; a *Problem is
// written as it is, everything else becomes the problem "internal".
//
// # Concurrency
//
// Everything may be used concurrently once it is made. Problems are values to
// return, not to change: the constructors make a new one each time. Strings
// that this package hands out are copies, and outlive the request, other than
// those that Fiber itself hands out.
package front
