// Package chaos breaks real clusters on purpose and shows that the promise of
// the design holds: after a revocation was answered with 200, no edge accepts
// an affected token later than B.
//
// A cluster is three nats-servers that keep the log on all of them, a
// redis-server with a replica, two issuers and three edges, all of them
// processes. Every issuer and edge reaches each server through a fault proxy
// of its own, so that one link can be cut, stalled or slowed down without the
// others. Clients log in, call edges, refresh and revoke all the while, and
// package history judges what they saw.
//
// The servers' wall clocks can leap while they run. Edges leave a trace of their
// own steps (build tag curfewtrace), which package history judges as well, and one
// of them can be made to pause between any two steps of a decision.
//
//   - TestShort, part of go test: every single fault once.
//   - TestLong, for make chaos: every fault for a minute, then pairs of them,
//     with the promises about availability checked too. It runs when
//     CURFEW_CHAOS is long; CHAOS_DURATION, CHAOS_PAIRS and CHAOS_SEED change
//     how long each fault lasts, how many pairs there are and which, and
//     CHAOS_REPORT names a file for the table.
//   - TestCrash: an issuer dies between every two steps of a revocation.
//
// The history of a run that failed is kept; its path is in the test's output.
// All of it is test code and needs a Unix system.
package chaos
