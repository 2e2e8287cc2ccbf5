//go:build unix

package chaos

import (
	"context"
	"fmt"
	"time"
)

// A part is what a fault breaks. Two faults of one part are never paired: one
// would undo the other.
type part string

const (
	issuers part = "issuers"
	edge1   part = "edge 1"
	edge2   part = "edge 2"
	edge3   part = "edge 3"
	theLog  part = "log"
	store   part = "store"
	links   part = "links"
	abroad  part = "another region"
	all     part = "all" // is never paired
)

// A fault is something to break. All functions get the run that it is part of.
type fault struct {
	name string
	part part
	// loses says that the log's or the store's content is lost. Losing both
	// at once is beyond the promise.
	loses bool
	// recent faults are in most pairs: the others have had their turn.
	recent bool
	// inject breaks it, and returns when it is broken.
	inject func(context.Context, *run) error
	// while, if not nil, acts while it is broken; what it does may take
	// longer than the fault is to last, but ends with ctx.
	while func(context.Context, *run) error
	// heal repairs it. What it has to start has started when it returns.
	heal func(context.Context, *run) error
	// answered and accepted are the least shares of all calls that are to be
	// answered, and of good tokens that are to be accepted.
	answered, accepted float64
	// elects says that nats-servers must elect leaders before edges can be fresh.
	elects bool
	// after, if not nil, checks what was seen, once it is over.
	after func(*run, result) error
}

// hurts reports whether two faults must not happen together.
func (f fault) hurts(o fault) bool {
	return f.part == o.part || f.part == all || o.part == all || f.loses && o.loses
}

// pair makes one fault of two: the second comes later, and is healed first or
// last. Nothing is promised about availability.
func pair(f, second fault, later time.Duration, firstHeals bool) fault {
	both := fault{name: f.name + " + " + second.name, part: all, loses: f.loses || second.loses, elects: f.elects || second.elects}
	both.inject = func(ctx context.Context, r *run) error {
		if err := f.inject(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		pause(ctx, later)
		if err := second.inject(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", second.name, err)
		}
		return nil
	}
	both.heal = func(ctx context.Context, r *run) error {
		order := []fault{second, f}
		if firstHeals {
			order = []fault{f, second}
		}
		for _, f := range order {
			if err := f.heal(ctx, r); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		return nil
	}
	return both
}

// nothing heals what heals by itself.
func nothing(context.Context, *run) error { return nil }
