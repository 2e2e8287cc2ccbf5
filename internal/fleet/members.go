package fleet

import "time"

const (
	// maxMembers bounds a registry. Whoever comes later counts as Others:
	// nobody who is listed has to go for them.
	maxMembers = 20_000
	// maxUnreadable bounds those among them who cannot be read.
	maxUnreadable = 1000
)

// take takes a readable report in.
func (r *Registry) take(m message, now time.Time) {
	key := instance{m.ID, m.Instance}
	if m.Leaving {
		if ended(m.Instance, m.Farewell) {
			r.drop(key)
		} else {
			r.ignored++ // not by the edge itself, or of an older version
		}
		return
	}
	known := r.members[key]
	if known == nil && len(r.members) < maxMembers {
		known = &member{first: now, secret: shared(r.key, m.Instance)}
		r.members[key] = known
	}
	if known == nil {
		r.takeOthers(now)
		return
	}
	known.Report, known.last, known.lag = m.Report, now, r.trace.lag(now, m.Epoch, m.AppliedSeq)
}

// takeUnreadable notes that somebody reports under that id. They may be fresh
// all the same.
func (r *Registry) takeUnreadable(id string, now time.Time) {
	key := instance{id: id}
	known := r.members[key]
	switch {
	case known != nil:
		known.last = now
	case !ValidID(id) || r.unreadable >= maxUnreadable || len(r.members) >= maxMembers:
		r.takeOthers(now)
	default:
		r.unreadable++
		r.members[key] = &member{Report: unreadable(id), first: now, last: now, unreadable: true, lag: lag{messages: -1}}
	}
}

// takeOthers notes that there is somebody more. One member stands for them all.
func (r *Registry) takeOthers(now time.Time) {
	key := instance{id: Others}
	if r.members[key] == nil {
		r.unreadable++
		r.members[key] = &member{Report: unreadable(Others), first: now, unreadable: true, lag: lag{messages: -1}}
	}
	r.members[key].last = now
}

// drop forgets an edge that is safe.
func (r *Registry) drop(key instance) {
	if m := r.members[key]; m != nil && m.unreadable {
		r.unreadable--
	}
	delete(r.members, key)
	for _, rd := range r.open {
		rd.release(key)
	}
}

// turn notes the issuer's own position, and forgets who has been silent for
// long, or for as long as it takes to be safe while another of the same name
// has come or there is no room.
func (r *Registry) turn(now time.Time) {
	pos := r.position()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace.add(now, pos)
	newest := map[string]time.Time{}
	for key, m := range r.members {
		if m.first.After(newest[key.id]) {
			newest[key.id] = m.first
		}
	}
	quiet, safe := r.quiet(now), r.safeAfter(now)
	expected := max(expectFor, safe)
	full := len(r.members) >= maxMembers
	for key, m := range r.members {
		superseded := m.first.Before(newest[key.id])
		if q := quiet(m); superseded && q > safe || full && q > expected || q > max(forgetAfter, safe) {
			r.drop(key)
		}
	}
}
