//go:build unix

package chaos

import (
	"context"
	"slices"
)

// single lists every fault. Clocks that leap come late: tokens that were handed
// out while the store's clock was ahead are refused until their time has come.
// The flood is last: what it leaves in the log and the store makes every later
// replay longer.
func single() []fault {
	others := otherFaults()
	last := len(others) - 1 // the flood
	return slices.Concat(issuerFaults(), edgeFaults(), logFaults(), storeFaults(), others[:last], clockFaults(), others[last:])
}

func issuerFaults() []fault {
	return []fault{
		{name: "an issuer killed", part: issuers, inject: killIssuers(1), heal: restartIssuers(1), accepted: 0.999},
		{name: "every issuer killed", part: issuers, inject: killIssuers(2), heal: restartIssuers(2),
			accepted: 1},
		{name: "an issuer cut from the log", part: issuers, inject: cutLog(issuer1), heal: healLinks(issuer1), accepted: 0.999},
		{name: "an issuer cut from the store", part: issuers, inject: cutStore(issuer1), heal: healLinks(issuer1), accepted: 0.999},
		{name: "an issuer's link to the log stalled", part: issuers, inject: stallLog(issuer1), heal: healLinks(issuer1), accepted: 0.99},
	}
}

// The edges of the faults, so that two faults can hit two edges.
func issuer1(r *run) *node { return r.issuers[0] }
func first(r *run) *node   { return r.edges[0] }
func second(r *run) *node  { return r.edges[1] }
func third(r *run) *node   { return r.edges[2] }

func killIssuers(n int) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error {
		for _, i := range r.issuers[:n] {
			if err := i.Kill(); err != nil {
				return err
			}
		}
		return nil
	}
}

func restartIssuers(n int) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error {
		for _, i := range r.issuers[:n] {
			if err := i.replace(nil); err != nil {
				return err
			}
		}
		return nil
	}
}

func edgeFaults() []fault {
	return []fault{
		{name: "an edge stopped", part: edge2, inject: stopEdge, while: askTheStopped, heal: wakeEdge, after: wokeUpRight},
		{name: "an edge preempted", part: edge2, recent: true, inject: preempt, heal: calmDown},
		{name: "an edge killed", part: edge3, inject: killEdge, heal: restartEdge},
		{name: "an edge cut from the log", part: edge1, inject: cutLog(first), heal: healLinks(first), answered: 0.99},
		{name: "an edge cut from the store", part: edge1, inject: cutStore(first), heal: healLinks(first), accepted: 0.999},
		{name: "an edge cut from both", part: edge1, inject: cutBoth(first), heal: healLinks(first)},
		{name: "an edge's link to the log stalled", part: edge1, inject: stallLog(first), heal: healLinks(first), answered: 0.99},
		{name: "an edge's link to the store stalled", part: edge1, inject: stallStore(first), heal: healLinks(first), accepted: 0.999},
		{name: "an edge's every link stalled", part: edge1, inject: stallBoth(first), heal: healLinks(first)},
	}
}

func killEdge(_ context.Context, r *run) error { return third(r).Kill() }

func restartEdge(_ context.Context, r *run) error { return third(r).replace(nil) }
