// Package events holds the log that carries revocations to every edge, and
// the argument that lets an edge prove how much of it it has read.
//
// The pieces, from the bottom up:
//
//   - [Log] is an ordered, durable record with an identity, its epoch.
//     [JetStream] is the real one; package memlog holds one that lives in
//     memory and injects faults. Both pass package logtest.
//   - [Follower] applies the log without gaps and knows its [Position]. After
//     every interruption it resumes only if the log still holds the very
//     message that it applied last; otherwise it replays from the start.
//     Replay is harmless, because revocations merge by union.
//   - [Barrier] answers the question "how far must I read to know of every
//     revocation that was acknowledged before now?" by committing a beat.
//   - [Sync] asks that question for an edge, over and over, and turns the
//     answers into freshness. While no issuer answers, edges answer for each
//     other.
//
// # Why a beat proves freshness
//
// A revocation is answered only after its own append was acknowledged, at
// sequence r. An edge notes its own elapsed time t0 and asks. The beat is
// appended after the question arrived, hence after t0, so its sequence is
// greater than r for every revocation answered before t0. The log has one
// order, and the edge applies it without gaps: once it has applied the beat it
// knows every one of them. No clock of one machine is compared with another's.
//
// It must be that very beat, told by its nonce: a log that was rolled back counts
// through the same sequences again, with other messages.
//
// Heartbeats, "nothing pending" and stream information prove nothing of the
// kind: a server that has lost its quorum keeps sending them. Only a commit
// needs the quorum.
//
// Everything here may be used from several goroutines at once.
package events
