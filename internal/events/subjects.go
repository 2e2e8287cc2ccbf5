package events

import "strings"

// Subjects names the streams and subjects of one region. A region is a single
// subject token: lower-case letters, digits and dashes.
type Subjects struct{ Region string }

// Stream is the log's stream.
func (s Subjects) Stream() string { return "CURFEW_" + s.Region }

// AuditStream is the stream of what happened to sessions.
func (s Subjects) AuditStream() string { return "CURFEW_AUDIT_" + s.Region }

// Revocations matches every revocation.
func (s Subjects) Revocations() string { return s.prefix() + "revoke.>" }

// Beat carries the barrier's beats.
func (s Subjects) Beat() string { return s.prefix() + "beat" }

// StandIns carries the beats of edges that stand in for issuers, in the log.
func (s Subjects) StandIns() string { return s.Beat() + ".edge" }

// StandIn is where those edges write them: the stream StandInStream takes them and
// passes them on to StandIns.
func (s Subjects) StandIn() string { return s.prefix() + "standin" }

// StandInStream is the stream of beats on their way into the log.
func (s Subjects) StandInStream() string { return "CURFEW_STANDIN_" + s.Region }

// Sync carries the barrier's question, over core NATS.
func (s Subjects) Sync() string { return s.prefix() + "sync" }

// SyncAll carries the same question to all issuers.
func (s Subjects) SyncAll() string { return s.prefix() + "sync.all" }

// SyncEdges carries the same question to edges that stand in for issuers.
func (s Subjects) SyncEdges() string { return s.prefix() + "sync.edge" }

// Edge carries the reports of one edge; "*" matches all.
func (s Subjects) Edge(id string) string { return s.prefix() + "edge." + id }

// Report carries questions to every edge, over core NATS.
func (s Subjects) Report() string { return s.prefix() + "report" }

// ReportOf carries the same questions to one edge.
func (s Subjects) ReportOf(id string) string { return s.prefix() + "report." + id }

// Offer carries an issuer's question for revocations to one edge, over core NATS.
func (s Subjects) Offer() string { return s.prefix() + "offer" }

// OfferAll carries the same question to every edge.
func (s Subjects) OfferAll() string { return s.prefix() + "offer.all" }

// Session carries one kind of session event to the audit stream; "*" matches
// all.
func (s Subjects) Session(kind string) string { return s.prefix() + "session." + kind }

// log are the subjects of the log's stream.
func (s Subjects) log() []string { return []string{s.Revocations(), s.Beat(), s.StandIns()} }

func (s Subjects) prefix() string { return "curfew." + s.Region + "." }

func (s Subjects) of(r Record) string {
	switch {
	case r.Kind == KindBeat && r.StandIn:
		return s.StandIns()
	case r.Kind == KindBeat:
		return s.Beat()
	}
	return s.prefix() + "revoke." + string(r.Scope)
}

func (s Subjects) kind(subject string) Kind {
	rest := strings.TrimPrefix(subject, s.prefix())
	switch {
	case strings.HasPrefix(rest, "revoke."):
		return KindRevocation
	case rest == "beat", rest == "beat.edge":
		return KindBeat
	}
	return Other
}
