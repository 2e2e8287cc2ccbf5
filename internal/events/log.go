package events

import (
	"context"
	"errors"
	"iter"
	"time"
)

// A Kind says what a message in the log is.
type Kind uint8

// The kinds. Other is for what a later version may add; it carries no
// revocation, and followers pass over it.
const (
	Other Kind = iota
	KindRevocation
	KindBeat
	// KindGarbage stands where a revocation would, and nobody here wrote it.
	KindGarbage
)

// A Record is what is appended to the log.
type Record struct {
	Kind  Kind
	Scope Scope // of a revocation, for its subject
	// StandIn is set on a beat by an edge, which has a subject of its own: only
	// issuers may write on the other.
	StandIn bool
	Data    []byte
	// TTL is how long the log keeps the record, by the log's own clock; at
	// least a second.
	TTL time.Duration
	// Mark is an issuer's, over Data, for issuers to check; empty if there is none.
	Mark string
}

// A Message is a committed record.
type Message struct {
	Epoch string // identity of the log it was read from
	Seq   uint64 // position, strictly increasing within an epoch
	// Time is the log's stamp at the commit. Together with Seq it tells
	// this message from any other that could stand in its place.
	Time time.Time
	// Pending is how many messages the log held behind this one when it
	// was delivered.
	Pending uint64
	Kind    Kind
	StandIn bool // a beat by an edge
	TTL     time.Duration
	Data    []byte
	// Mark is that of the record. Nobody but an issuer can check it.
	Mark string
	// Traceparent is the W3C Trace Context that it was published in, if any.
	Traceparent string
}

// A Cursor marks the last message a reader has applied. The zero Cursor is the
// start of whatever log there is.
type Cursor struct {
	Epoch string
	Seq   uint64
	Time  time.Time
}

// State is what the log says of itself. It proves nothing about freshness; see
// [Barrier].
type State struct {
	Epoch   string `json:"epoch"`
	LastSeq uint64 `json:"last_seq"`
	// Revocations is how many revocation messages it holds.
	Revocations uint64 `json:"revocations"`
	// Now is the log's clock, the one its TTLs are counted by.
	Now time.Time `json:"now"`
}

var (
	// ErrDiverged: the log is not the one the cursor was taken from: it was
	// recreated, rolled back, or the message under the cursor is gone. The
	// reader replays from the start.
	ErrDiverged = errors.New("events: log diverged")
	// ErrGap: the delivery skipped a message. The reader resumes.
	ErrGap = errors.New("events: gap in delivery")
	// ErrUnavailable: the log cannot be reached or has no quorum. The
	// outcome of an append that returned it is unknown.
	ErrUnavailable = errors.New("events: log unavailable")
	// ErrNoLog: there is no such log; whoever may create it should.
	ErrNoLog = errors.New("events: no log")
)

// A Log is the ordered, durable record of revocations. Implementations pass
// package logtest.
type Log interface {
	// Append commits one record and returns its sequence. When the error
	// is nil, a quorum holds the record: it survives the loss of any
	// minority. An implementation MUST NOT return early, and MUST NOT
	// discard a record as a duplicate: a refill republishes what it knows.
	Append(ctx context.Context, r Record) (seq uint64, err error)

	// Follow yields every message after the cursor, in order and without
	// gaps, waiting for new ones, until ctx ends or it yields an error.
	// It MUST yield ErrDiverged, and nothing before it, when it cannot
	// show that the message under the cursor is still in its place.
	Follow(ctx context.Context, after Cursor) iter.Seq2[Message, error]

	// State reports the log's identity and extent.
	State(ctx context.Context) (State, error)

	// Drop removes what stands on the subjects of revocations up to seq, in every
	// replica: whatever each of them had expired by then, they hold the same
	// revocations afterwards. Only issuers call it.
	Drop(ctx context.Context, seq uint64) error

	// Sweep removes the beats of edges up to seq. Only issuers call it.
	Sweep(ctx context.Context, seq uint64) error

	// Ensure creates the log if there is none. Only issuers call it. ErrNoStandIns
	// says that the log is there, and edges cannot write into it.
	Ensure(ctx context.Context) error
}
