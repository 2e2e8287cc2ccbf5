package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// A Role says who commits a beat.
type Role string

// The roles. A beat by neither comes from one who does not answer yet.
const (
	RoleIssuer Role = "issuer"
	RoleEdge   Role = "edge" // standing in while no issuer answers
)

// A Beat is a record without content: that it was committed is what it says.
type Beat struct {
	By    Role   `json:"by"`
	ID    string `json:"id"`
	Nonce string `json:"nonce"` // no other beat has it
	// Stamp, if not 0, is above every stamp that the store hands out until
	// the next beat of an issuer is due, by all that this one knows.
	Stamp int64 `json:"stamp,omitempty"`
	// At is the wall clock of whoever commits it, in Unix milliseconds.
	At int64 `json:"at,omitempty"`
	// StalenessMS is the bound B that it goes by, in milliseconds.
	StalenessMS int64 `json:"staleness_ms,omitempty"`
}

// An Answer tells how far to read: up to the beat with the nonce, which is at
// Seq. Whoever has applied the log of Epoch up to that very beat knows every
// revocation that was acknowledged before the question was asked, provided that
// it has read as many revocations as the answerer had: State is the log's
// description of itself from after the beat, and Count what the answerer's
// follower counted for it.
type Answer struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
	Nonce string `json:"nonce"`
	By    Role   `json:"by"`
	State State  `json:"state"`
	Count uint64 `json:"count"`
	// StalenessMS is the answerer's bound B, in milliseconds. The asker goes
	// by the smaller of that and its own.
	StalenessMS int64 `json:"staleness_ms,omitempty"`
}

// CatchUpTo is CatchUp with an answer. The sequence alone proves nothing: after a
// rollback the log counts through the same numbers again with other messages, and
// a follower that has read nothing beyond what is left does not notice.
func (f *Follower) CatchUpTo(ctx context.Context, a Answer, patience time.Duration) (Position, error) {
	pos, err := f.CatchUp(ctx, a.Epoch, a.Seq, patience)
	if err == nil && !f.readBeat(a.Seq, a.Nonce) {
		f.Verify()
		err = fmt.Errorf("%w: the beat at %d is another", ErrDiverged, a.Seq)
	}
	return pos, err
}

// readBeat reports whether the beat with the nonce has been read at seq.
func (f *Follower) readBeat(seq uint64, nonce string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return nonce != "" && slices.Contains(f.beats.read[:], beatAt{seq, nonce})
}

// beats are the latest beats that were read. Whoever waits for one looks within
// moments of its being read, and there are some tens of them in a second at most.
type beats struct {
	read [256]beatAt
	next int
}

type beatAt struct {
	seq   uint64
	nonce string
}

func (b *beats) add(m Message) {
	var beat Beat
	if m.Kind == KindBeat && json.Unmarshal(m.Data, &beat) == nil {
		b.read[b.next] = beatAt{m.Seq, beat.Nonce}
		b.next = (b.next + 1) % len(b.read)
	}
}
