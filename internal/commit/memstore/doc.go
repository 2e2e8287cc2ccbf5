// Package memstore is a commit.Store in memory, for tests. It keeps the
// contract by the clock of time.Now, so it works inside a synctest bubble; it
// can be broken in the ways in which a real store breaks; and it checks what no
// real store can: that nobody vouches for it while it lacks a revocation that
// was answered with "committed".
//
// A [Store] is the server, a [Client] is one issuer's way to it. All methods
// may be called concurrently.
package memstore
