package fleet

import "time"

// HeardSince makes the registry believe that it has listened for longer.
func (r *Registry) HeardSince(ago time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hearing.since = time.Now().Add(-ago)
}

// Open is how many rounds and waits there are.
func (r *Registry) Open() (rounds, waits int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open) + len(r.waiting), r.waits
}
