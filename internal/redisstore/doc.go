// Package redisstore keeps sessions and revocations in Redis.
//
// It promises that every transition is one script, so it happens whole or not
// at all; that time is always the server's own; and that nothing is concluded
// from what the server does not hold unless somebody has vouched, after a
// refill, that this very server process lost nothing. The vouch names the
// process (its run id) and its replication history (master_replid), so that a
// restart or the promotion of a replica ends it, and it is itself a key, so
// that a wipe ends it too. It also ends when the server evicts keys, and when its
// clock moves by more than a minute between two renewals.
//
// What another server process holds than the one that was vouched for is an image
// of some earlier time. Its own vouch dates it. Unless it is young enough for the log to have
// everything that it lacks, the script that vouches ends all its sessions: those
// stamped at or below the vouch's floor are over for every script from then on.
//
// Keys, all with the hash tag {region} so that a script stays on one slot of
// a Redis Cluster:
//
//	curfew:{region}:stamp         the last stamp handed out, Unix ms
//	curfew:{region}:vouch         hash: id (the incarnation), evicted (keys, by it),
//	                              by (the refill), at and kept (Unix ms: as of when,
//	                              and when it was renewed), floor (a stamp), ended_by
//	                              (the refill that set it), ends (vouches withdrawn),
//	                              was (the id of one), holes (keys were evicted once)
//	curfew:{region}:furthest      when the last token handed out expires, Unix ms
//	curfew:{region}:refill:<x>    a refill under way
//	curfew:{region}:s:<sid>       hash: one session, until it ends
//	curfew:{region}:u:<hash>      zset: the sids of one user of one tenant
//	curfew:{region}:rev:<key>     one revocation, for as long as it matters
//	curfew:{region}:revs          zset: the held keys by expiry, Unix ms
//	curfew:{region}:cuts          hash: cutoffs whose sessions are being removed, the
//	                              image's floor (image), and a mark (-)
//	curfew:{region}:outbox        hash: revocations the log does not have yet
//	curfew:{region}:failed:<hash> zset: recent failed logins of one account, by time
//	curfew:{region}:trying:<hash> zset: its logins in flight, by time
//	curfew:{region}:lock:<hash>   that the account is locked, for as long as it is
//	curfew:{region}:net:<network> count of recent failed logins from one network
//
// The server must not evict keys (maxmemory-policy noeviction): whatever it
// evicts, the store has to be filled from the log again. Nothing here
// is retried. Store and Lookup may be used by any number of goroutines.
package redisstore
