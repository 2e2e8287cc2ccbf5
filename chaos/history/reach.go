package history

import "time"

// reach is how surely a revocation covers a token or session.
type reach int

const (
	never    reach = iota
	possible       // it may be refused for it, and need not be
	certain
)

// lateCutoff is for how long a cutoff may still be on its way whose asker got no
// 200: a fault may stop the server that has it for a minute, and a second one too.
// If it could come at any time, no token of that user would be good ever again,
// and nothing would be learned from its refusal.
const lateCutoff = 3 * time.Minute

// reaches says whether the revocation covers something that its target names
// and that was issued during span.
//
// A jti or sid names its tokens whenever they were issued. Everything else is
// a cutoff, taken somewhere in the revocation's span, and covers what was
// issued before it. Unless the answer was 200 the cutoff may also be taken
// later than the span, by as much as lateCutoff.
func (v *Revoke) reaches(issued Span) reach {
	switch {
	case v.Scope == ScopeToken, v.Scope == ScopeSession && !v.TokensOnly:
		return certain
	case issued.End < v.Start:
		return certain
	case v.Outcome == Committed && issued.Start > v.End, issued.Start-lateCutoff > v.End:
		return never
	default:
		return possible
	}
}

// A fate is what revocations may and must do to one token or session.
type fate struct {
	first  *Revoke // starts first of those that may reach it: earlier, a refusal is false
	ended  *Revoke // ends first of those answered 200 that must reach it: from then on B runs
	sure   *Revoke // ends first of those that every edge has confirmed and that must reach it
	reason int     // how many may reach it
}

func (f *fate) add(v *Revoke, r reach) {
	if r == never {
		return
	}
	f.reason++
	if f.first == nil || v.Start < f.first.Start {
		f.first = v
	}
	if r != certain || v.Outcome != Committed {
		return
	}
	if f.ended == nil || v.End < f.ended.End {
		f.ended = v
	}
	if v.Confirmed && (f.sure == nil || v.End < f.sure.End) {
		f.sure = v
	}
}

// live reports whether nothing that could end it had been asked for by then.
func (f *fate) live(by time.Duration) bool { return f.first == nil || f.first.Start > by }

// A revocations index finds the revocations of a target.
type revocations map[Target][]*Revoke

func byTarget(all []Revoke) revocations {
	m := make(revocations)
	for i := range all {
		m[all[i].Target] = append(m[all[i].Target], &all[i])
	}
	return m
}

// token is the fate of a token. It was issued during span; a token whose
// issue was not recorded may have been issued at any time.
func (m revocations) token(jti, sid string, groups []Target, issued Span) (f fate) {
	for _, t := range append([]Target{{ScopeToken, jti}, {ScopeSession, sid}}, groups...) {
		for _, v := range m[t] {
			f.add(v, v.reaches(issued))
		}
	}
	return f
}

// session is the fate of a session that was opened during span.
func (m revocations) session(sid string, groups []Target, opened Span) (f fate) {
	for _, t := range append([]Target{{ScopeSession, sid}}, groups...) {
		for _, v := range m[t] {
			if !v.TokensOnly {
				f.add(v, v.reaches(opened))
			}
		}
	}
	return f
}
