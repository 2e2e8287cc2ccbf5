package history

import "time"

// A Span is when an operation happened, counted from the start of the
// recording: Start is read before the request is sent, End after its answer
// was received or given up on.
type Span struct {
	Start time.Duration `json:"start"`
	End   time.Duration `json:"end"`
}

func (s Span) overlaps(o Span) bool { return s.Start <= o.End && o.Start <= s.End }

// The two scopes that the checker itself knows. Any other scope is a name for
// something wider; see Grant.Groups.
const (
	ScopeToken   = "token"   // ID is a jti
	ScopeSession = "session" // ID is a sid
)

// A Target is what a revocation names.
type Target struct {
	Scope string `json:"scope"`
	ID    string `json:"id"`
}

// A Grant is a login or a refresh: it issued the access token JTI in the
// session SID. Ids are unique in a history. A refresh always knows its SID;
// the other ids are empty when OK is false.
type Grant struct {
	Span
	SID string `json:"sid,omitempty"`
	JTI string `json:"jti,omitempty"`
	// Groups are the wider targets that cover the token: its user, tenant,
	// device, key. A refresh without any has those of its session's login.
	Groups []Target `json:"groups,omitempty"`
	OK     bool     `json:"ok"`
}

// A CallOutcome is how an edge answered one request.
type CallOutcome string

// What an edge can answer. The first three and Denied are answers; Unknown
// and Other count against availability.
const (
	Accepted CallOutcome = "accepted" // 200
	Refused  CallOutcome = "refused"  // 401 token_revoked
	Denied   CallOutcome = "denied"   // any other 401 or 403, for example token_expired
	Unknown  CallOutcome = "unknown"  // 503
	Other    CallOutcome = "other"    // any other status, or no answer
)

// A Call presented one token to one edge.
type Call struct {
	Span
	Edge    string      `json:"edge"`
	JTI     string      `json:"jti"`
	SID     string      `json:"sid"`
	Outcome CallOutcome `json:"outcome"`
}

// A RevokeOutcome is how a revocation was answered.
type RevokeOutcome string

// What an issuer can answer. Only Committed promises anything; after each of
// the others the revocation may still take hold at any time, or never.
const (
	Committed RevokeOutcome = "committed" // 200
	Pending   RevokeOutcome = "pending"   // 202
	Failed    RevokeOutcome = "failed"    // any other status
	Lost      RevokeOutcome = "lost"      // no answer
)

// A Revoke asked for the end of its target. Whatever else ends tokens (a
// logout, a refresh token used twice, a session limit) is recorded as one too,
// else its effect looks like a false refusal.
type Revoke struct {
	Span
	Target
	// TokensOnly says that sessions live on and may be refreshed: mode
	// "refresh", a key. With ScopeToken it makes no difference.
	TokensOnly bool          `json:"tokens_only,omitempty"`
	Outcome    RevokeOutcome `json:"outcome"`
	// Confirmed says that the answer was that every edge has it. Then none
	// may accept any more, without waiting for the bound.
	Confirmed bool `json:"confirmed,omitempty"`
}

// A Fault marks when something was broken on purpose. End is best set after
// the system had its time to recover. Windows may overlap and names may repeat.
type Fault struct {
	Span
	Name string `json:"name"`
}

// A Lapse marks when a refusal may have been forgotten for good reason: an edge
// was started anew and its memory is gone; or, of all edges, there was nobody to
// pass on what only the store knew, or log or store lost what only it held.
type Lapse struct {
	Span
	Edge string `json:"edge,omitempty"` // empty: all
	Why  string `json:"why"`
}

// A Limit says that an edge went by a bound of its own. The promise goes by the
// smaller one.
type Limit struct {
	Span
	Edge  string        `json:"edge"`
	Bound time.Duration `json:"bound"`
}

// A History is what the clients of one run saw, in any order.
type History struct {
	Logins    []Grant
	Refreshes []Grant
	Calls     []Call
	Revokes   []Revoke
	Faults    []Fault
	Lapses    []Lapse
	Limits    []Limit
	// Dropped counts operations that did not fit; more than none makes the
	// history worthless as a proof.
	Dropped int
}

// Len is the number of operations.
func (h *History) Len() int {
	return len(h.Logins) + len(h.Refreshes) + len(h.Calls) + len(h.Revokes) +
		len(h.Faults) + len(h.Lapses) + len(h.Limits)
}
