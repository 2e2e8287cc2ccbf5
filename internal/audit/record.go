package audit

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/session"
)

// ErrPosition: the text is not a position.
var ErrPosition = errors.New("audit: malformed position")

// A Position is a place in one incarnation of the stream: after its event
// number Seq. The zero value is no place.
type Position struct {
	epoch string // the time of the stream's making, in base 36
	seq   uint64
}

const maxPosition = 40 // bytes: two numbers of 64 bits and a dash

// ParsePosition reads what String wrote.
func ParsePosition(text string) (Position, error) {
	epoch, number, found := strings.Cut(text, "-")
	if !found || len(text) > maxPosition {
		return Position{}, ErrPosition
	}
	made, epochErr := strconv.ParseInt(epoch, 36, 64)
	seq, seqErr := strconv.ParseUint(number, 10, 64)
	p := Position{epoch, seq}
	if epochErr != nil || seqErr != nil || made <= 0 || p.String() != text || epoch != strconv.FormatInt(made, 36) {
		return Position{}, ErrPosition
	}
	return p, nil
}

func (p Position) String() string {
	if p == (Position{}) {
		return ""
	}
	return p.epoch + "-" + strconv.FormatUint(p.seq, 10)
}

// MarshalText makes positions strings in JSON.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// epochOf names one incarnation of a stream: the server keeps the time of its
// making across restarts, and takes a new one when it is made anew.
func epochOf(info *jetstream.StreamInfo) string {
	return strconv.FormatInt(info.Created.UnixNano(), 36)
}

// A Record is an event with its place in the trail.
type Record struct {
	Position Position `json:"position"`
	// RecordedAt is when the stream took the event, by the server's clock:
	// in general milliseconds after At, and later after NATS was away.
	RecordedAt time.Time `json:"recorded_at"`
	session.Event
}

// A Filter says which events are wanted. An empty member matches any.
type Filter struct {
	Kinds   []string // of session.EventKinds
	User    string   // a user id, or a name as it was typed
	Tenant  string
	Session string
}

// Matches reports whether the event is wanted.
func (f Filter) Matches(e session.Event) bool {
	return (len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
		(f.User == "" || f.User == e.UserID || f.User == e.Username) &&
		(f.Tenant == "" || f.Tenant == e.Tenant) &&
		(f.Session == "" || f.Session == e.SessionID)
}
