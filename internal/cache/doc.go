// Package cache is the edge's local copy of what is revoked, and of the tokens
// whose signature was already checked.
//
// The promise: [Copy.Check] answers Clear only if the copy is complete as of an
// instant that was read before the search, none of the token's ids and no cutoff
// at or above its stamp was found, nothing unexpired that could concern the token
// was ever dropped, nothing unreadable had been met by that instant, and a clock
// reading from after the search is within the staleness bound of that instant.
// In every other case the answer is Revoked or Outdated, if an entry was found,
// or Unknown. Memory is bounded by the configuration, whatever is added.
//
// What is kept where, and why:
//
//   - Revoked ids lie in flat, pointer-free tables: 21 bytes a slot, nothing for
//     the garbage collector to scan, and readers take no lock, so lookups scale
//     with the cores (table.go, shard.go). golang-lru alone costs about three
//     times the memory for the same ids.
//   - A golang-lru LRU of a quarter of that size records which revoked ids
//     are being presented. Under pressure others are evicted first.
//   - Every evicted, unexpired id goes into a Bloom filter that lives at least
//     as long as the id (overflow.go). A hit there is Unknown.
//   - Cutoffs lie in tables of the same kind, with two stamps per subject: users
//     in one, tenants and "all" in a small one that users cannot push out
//     (cutoff.go). While there are none they cost a load or two.
//   - Verified tokens lie in golang-lru LRUs behind a lock-free front (tokens.go).
//
// Concurrency: every exported method of every type may be called by any
// number of goroutines at the same time, and Add returns only after its entry
// is visible to all. Nothing here starts a goroutine; the owner calls
// [Copy.Sweep] every few seconds.
package cache
