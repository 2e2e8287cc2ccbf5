package cache

import "time"

// wideEntries bounds the cutoffs of tenants and of all that are held exactly.
// They have a table of their own, so that no number of users pushes them out:
// they concern many tokens, and an evicted one sends all of these to the store.
const wideEntries = 1024

// A Cutoff says that every token of a subject stamped at or before End is
// revoked, and that every one stamped at or before Refresh must be exchanged
// for a new one. Stamps are positive; 0 covers nothing.
type Cutoff struct{ End, Refresh int64 }

// A Token is what the copy is asked about, computed once per token.
type Token struct {
	// IDs are those that may be revoked by name.
	IDs [3]Key
	// User, Tenant and All are the subjects of the cutoffs that may cover it.
	User, Tenant, All Key
	// Stamp is compared with the cutoffs.
	Stamp int64
}

// Check says whether a token is good. A miss takes no lock (unless removals
// keep disturbing it) and allocates nothing.
//
// The order is the point: what the copy is fresh as of is read first, then the
// search is made, then the clock is read. See [window] for why.
func (c *Copy) Check(t *Token) Answer {
	w := c.window()
	var f finding
	f.begins(t)
	for i := range t.IDs {
		exp, _, lost := c.revoked.lookup(t.IDs[i])
		f.revoked, f.evicted = max(f.revoked, exp), f.evicted || lost
	}
	if !c.users.empty() {
		f.cut(c.users, t.User, t.Stamp)
	}
	if !c.wide.empty() {
		f.cut(c.wide, t.Tenant, t.Stamp)
		f.cut(c.wide, t.All, t.Stamp)
	}
	return c.judge(w, f)
}

// A finding is what a search found: until when the token is revoked or outdated,
// 0 if it is not, and whether an entry that concerns it may have been evicted.
type finding struct {
	tracedSearch
	revoked, outdated seconds
	evicted           bool
}

func (f *finding) cut(in *revoked, k Key, stamp int64) {
	exp, c, lost := in.lookup(k)
	if stamp <= c.End {
		f.revoked = max(f.revoked, exp)
	}
	if stamp <= c.Refresh {
		f.outdated = max(f.outdated, exp)
	}
	f.evicted = f.evicted || lost
}

// judge reads the clock, so it MUST come after the search; w MUST be from before
// the search.
func (c *Copy) judge(w window, f finding) Answer {
	c.at("clock")
	now := c.elapsed()
	c.at("end")
	a := f.answer(w, now)
	traceDecision(w, f, now, a)
	return a
}

func (f *finding) answer(w window, now time.Duration) Answer {
	switch {
	case f.revoked.after(now):
		return Revoked
	case f.outdated.after(now):
		return Outdated
	case f.evicted, !w.holds(now):
		return Unknown
	}
	return Clear
}

// Cut notes a cutoff of a user, for the ttl from now on. Cutoffs of one subject
// merge by the larger stamps and the later expiry; there is no removal. A ttl of
// 0 or less adds nothing.
func (c *Copy) Cut(user Key, at Cutoff, ttl time.Duration) { c.cut(c.users, user, at, ttl) }

// CutWide is Cut for a tenant, or for all.
func (c *Copy) CutWide(subject Key, at Cutoff, ttl time.Duration) { c.cut(c.wide, subject, at, ttl) }

func (c *Copy) cut(in *revoked, k Key, at Cutoff, ttl time.Duration) {
	if ttl <= 0 {
		return
	}
	now := c.elapsed()
	in.add(k, at, expiry(now, ttl), now)
}
