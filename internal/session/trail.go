package session

import "time"

// The kinds of events that a Trail records. A kind is the last part of the
// subject in the audit stream.
const (
	EventLogin          = "login"
	EventLoginFailed    = "login_failed"    // wrong password, unknown user, refused by the webhook; what limits refuse is only counted
	EventLocked         = "locked"          // an account was locked; the logins that meet the lock are only counted
	EventRefresh        = "refresh"         // a refresh token was exchanged, or retried within the grace
	EventRefreshUnusual = "refresh_unusual" // a session is refreshed more often than a client has reason to
	EventReuse          = "reuse"           // a refresh token came back; the session is ended
	EventDeviceMismatch = "device_mismatch" // a session that is bound to a device was used from another one
	EventSessionLimit   = "session_limit"   // a login was refused, or ended an older session, because of a limit
	EventLogout         = "logout"          // a session was ended, by whom Actor says; or with scope user all that a user had
	EventTokenRevoked   = "token_revoked"   // an access token was revoked alone, by whoever held it
	EventAdmin          = "admin"           // an admin act; Action says which
)

// EventKinds lists every kind.
func EventKinds() []string {
	return []string{
		EventLogin, EventLoginFailed, EventLocked, EventRefresh, EventRefreshUnusual,
		EventReuse, EventDeviceMismatch, EventSessionLimit, EventLogout, EventTokenRevoked, EventAdmin,
	}
}

// An Event is one line of the audit trail: who, from where, and why. What is
// not known is empty. It never holds a token or a password.
type Event struct {
	ID   string    `json:"id"` // unique; the Trail sets it when it is empty
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`

	// Who it happened to.
	Tenant    string `json:"tenant,omitempty"`
	UserID    string `json:"user_id,omitempty"`
	Username  string `json:"username,omitempty"` // as it was typed, where no user is known
	SessionID string `json:"session_id,omitempty"`

	// Where from.
	Device    Device `json:"device,omitzero"`
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	RequestID string `json:"request_id,omitempty"`

	// Why, and by whom. Reason is a short fixed word of ours, or what an
	// admin gave as reason. Actor is who did it: a user id, the name of an
	// admin, or curfew.
	Reason string `json:"reason,omitempty"`
	Actor  string `json:"actor,omitempty"`

	// What an admin did, and to what.
	Action       string `json:"action,omitempty"` // e.g. revoke, session.create, keys.rotate
	Scope        string `json:"scope,omitempty"`
	Subject      string `json:"subject,omitempty"`
	Issuer       string `json:"issuer,omitempty"` // of the subject, if that is another
	RevocationID string `json:"revocation_id,omitempty"`
}

// Clipped returns the event with what a client chose cut to the length that a
// session would keep of it.
func (e Event) Clipped() Event {
	e.IP, e.UserAgent, e.Username = clip(e.IP, maxIP), clip(e.UserAgent, maxUserAgent), clip(e.Username, maxName)
	e.Reason, e.Subject = clip(e.Reason, maxEventText), clip(e.Subject, maxEventText)
	e.Device.ID, e.Device.Name = clip(e.Device.ID, maxDeviceText), clip(e.Device.Name, maxDeviceText)
	return e
}

// A Trail records events. Record MUST NOT block: a trail that cannot keep up
// drops and counts.
type Trail interface {
	Record(Event)
}
