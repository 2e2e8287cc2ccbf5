package session

import "time"

// The kinds of events that a Trail records.
const (
	EventLogin   = "login"
	EventRefresh = "refresh"
	EventLogout  = "logout"
	EventReuse   = "reuse"
)

// An Event is one line of the audit trail. What is not known is empty.
type Event struct {
	Kind      string    `json:"kind"`
	At        time.Time `json:"at"`
	Tenant    string    `json:"tenant,omitempty"`
	UserID    string    `json:"user_id,omitempty"`
	SessionID string    `json:"session_id,omitempty"`
	Device    Device    `json:"device,omitzero"`
	IP        string    `json:"ip,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Actor     string    `json:"actor,omitempty"` // who ended it
}

// A Trail records events. Record MUST NOT block: a trail that cannot keep up
// drops and counts.
type Trail interface {
	Record(Event)
}
