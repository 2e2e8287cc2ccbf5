package history

import (
	"fmt"
	"time"
)

// A Kind names a rule that was broken.
type Kind string

// The rules; the package comment states them.
const (
	LateAcceptance  Kind = "late acceptance"
	Forgotten       Kind = "forgotten"
	FalseRefusal    Kind = "false refusal"
	RefreshAfterEnd Kind = "refresh after end"
	AfterConfirmed  Kind = "accepted after confirmation"
	AcceptedAgain   Kind = "accepted again by the edge that refused"
	Revived         Kind = "accepted later than B after another refused"
	Malformed       Kind = "malformed"
)

func kinds() []Kind {
	return []Kind{LateAcceptance, Forgotten, FalseRefusal, RefreshAfterEnd, AfterConfirmed, AcceptedAgain, Revived, Malformed}
}

// A Violation is a finding with the operations it is about; those that do not
// matter are nil.
type Violation struct {
	Kind    Kind
	Revoke  *Revoke
	Call    *Call
	Refusal *Call // an earlier refusal of the same token
	Refresh *Grant
	// After is the time from the revocation's 200 to the operation's start.
	After time.Duration
	// Reason says what makes a malformed operation so.
	Reason string
}

// String tells the finding in one line.
func (v Violation) String() string {
	s := string(v.Kind) + ":"
	if v.Reason != "" {
		s += " " + v.Reason
	}
	if v.Call != nil {
		s += " call " + v.Call.String()
	}
	if v.Refresh != nil {
		s += " refresh " + v.Refresh.String()
	}
	if v.After > 0 {
		s += fmt.Sprintf(", %v after the end of", v.After)
	}
	if v.Revoke != nil {
		s += " revocation " + v.Revoke.String()
	}
	if v.Refusal != nil {
		s += ", refused before by call " + v.Refusal.String()
	}
	return s
}

// String tells when, as [start, end].
func (s Span) String() string { return fmt.Sprintf("[%v, %v]", s.Start, s.End) }

// String tells the call in a few words.
func (c *Call) String() string {
	return fmt.Sprintf("%v jti %q sid %q %s at %q", c.Span, c.JTI, c.SID, c.Outcome, c.Edge)
}

// String tells the revocation in a few words.
func (v *Revoke) String() string {
	return fmt.Sprintf("%v %s %q %s", v.Span, v.Scope, v.ID, v.Outcome)
}

// String tells the login or refresh in a few words.
func (g *Grant) String() string {
	return fmt.Sprintf("%v sid %q jti %q ok %v", g.Span, g.SID, g.JTI, g.OK)
}
