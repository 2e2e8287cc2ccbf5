// Package guard decides whether a request may pass.
//
// A [Guard] follows the log of revocations and keeps a local copy of what is
// revoked. [Guard.Check] answers from memory: it verifies the token (once; then
// it is remembered), looks its ids up in the copy, and only then reads the
// clock to see whether the copy was known to be complete within the staleness
// bound B. If so, the answer stands, without any network. If not, it asks the
// store, for at most [LookupTimeout]; and if the store cannot vouch for itself
// either, the answer is [ErrUnknown], which a front turns into 503.
//
// The promise: after a revocation has been answered with 200, no guard accepts
// an affected token in a request that begins later than B. See
// docs/consistency.md for the argument, and chaos for the proof.
//
// [Middleware] does all of it for handlers of net/http; [Guard.CheckLive] is for
// connections that last.
//
// A Guard supervises itself: every loop retries with backoff, and it leaves the
// fallback by itself once the fault is gone. All methods may be called
// concurrently.
package guard
