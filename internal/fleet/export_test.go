package fleet

import (
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// HeardSince makes a registry that listens believe that it has for longer.
func (r *Registry) HeardSince(ago time.Duration) {
	for {
		r.mu.Lock()
		if r.listening() {
			r.hearing.since = time.Now().Add(-ago)
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
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

// SealFor is the seal of the life's owner, for an issuer.
func SealFor(l *Life, issuer, data string) string { return seal(shared(l.key, issuer), []byte(data)) }

// Farewell is the goodbye of a life.
func Farewell(l *Life) string { return l.farewell() }

// Size is what a reserve holds.
func (r *Reserve) Size() (entries, bytes int) { return r.held.Len(), r.bytes }

// Has reports whether a reserve holds a revocation.
func (r *Reserve) Has(rev events.Revocation) bool { return r.held.Contains(rev.Fingerprint()) }
