package commit

import (
	"errors"
	"time"
)

const (
	// leapSlack is how far the store's clock may get ahead of ours before
	// what it has expired is missed. It is part of Margin.
	leapSlack = 30 * time.Second
	// leapRate is by how much it may run faster all the time: 1 in 500.
	leapRate = 500
	// paceAge is how old a base may be: what is allowed for a drift must not
	// add up to more than the margin within the life of a revocation.
	paceAge = time.Hour
)

// errLeapt: the store's clock has got ahead, so that entries expired too early.
var errLeapt = errors.New("commit: the store's clock has leapt")

// A pace compares the advance of the store's clock with our own. Ours is the
// monotonic one, which nobody can set. It does not count time asleep, so after a
// sleep the store seems to have leapt, and is filled once too often.
type pace struct{ base *reading }

// leapt reports whether the store's clock has got too far ahead since the base.
// That is set when a refill begins, and moves to readings that are behind it: a
// clock that has lagged and catches up at once has leapt as well.
func (p *pace) leapt(now reading) bool {
	passed := now.own.Sub(p.base.own)
	ahead := now.store.Sub(p.base.store) - passed
	leapt := ahead > leapSlack+passed/leapRate
	if ahead < 0 || passed > paceAge {
		p.base = &now
	}
	return leapt
}
