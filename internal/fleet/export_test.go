package fleet

import (
	"fmt"
	"time"
)

// HeardSince makes the registry believe that it has listened for longer.
func (r *Registry) HeardSince(ago time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hearing.since = time.Now().Add(-ago)
}

// Crowd has more edges report than there is room for.
func (r *Registry) Crowd() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := range maxMembers {
		r.take(message{Report: Report{ID: fmt.Sprint("crowd-", n), Instance: "x"}}, time.Now())
	}
}

// Open is how many rounds and waits there are.
func (r *Registry) Open() (rounds, waits int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open) + len(r.waiting), r.waits
}
