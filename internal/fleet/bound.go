package fleet

import "time"

// Bound returns the largest staleness bound that any edge may go by, as far as
// is known: an issuer's, or what an edge that is expected reports. What is not
// known is taken for the largest setting: the bound of an edge that does not
// tell it, and that of any while not everybody has been heard.
func (r *Registry) Bound() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bound(time.Now())
}

func (r *Registry) bound(now time.Time) time.Duration {
	b := r.staleness()
	if r.unsettled(now) > 0 {
		b = max(b, maxSetting)
	}
	quiet := r.quiet(now)
	for _, m := range r.members {
		if own := m.Report.bound(); own > b && quiet(m) <= max(expectFor, own+goneAfter) {
			b = own
		}
	}
	return b
}

// safeAfter is the silence after which an edge cannot be fresh any more.
func (r *Registry) safeAfter(now time.Time) time.Duration { return r.bound(now) + goneAfter }
