// Package commit keeps every revocation in two places, the log and the store,
// so that either can be lost.
//
// [Committer.Revoke] writes to the store, in one atomic script, and then to the
// log. When both have confirmed, the revocation is committed: it survives the
// loss of either. When only one has, it is pending, and any issuer completes it
// once the other is back:
//
//   - the [Relay] publishes what is left in the store's outbox;
//   - the projector, a follower like an edge's, writes every revocation of the
//     log into the store.
//
// The [Keeper] runs these, and makes whole what was lost. A log that was
// recreated, purged or rolled back is refilled from the store before any
// question about it is answered. A store that was wiped or failed over is
// refilled from the log before anyone vouches for it. What it still holds is an
// image of an earlier time: the vouch that it bears dates it, and sessions of one
// older than the log remembers are over.
//
// A store's clock can hide a loss, since entries expire by it. The Keeper compares
// it with its own elapsed time, and withdraws the vouch when it gets ahead.
//
// Every issuer runs all of it, without a leader. Each step may be repeated, by
// several at once, and may be cut short at any instruction: entries only ever
// merge by union.
package commit
