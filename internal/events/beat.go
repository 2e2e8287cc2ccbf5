package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Role says who commits a beat.
type Role string

// The roles. A beat by neither comes from one who does not answer yet.
const (
	RoleIssuer Role = "issuer"
	RoleEdge   Role = "edge" // standing in while no issuer answers
)

// A Beat is a record that proves something by its place in the log: it was
// committed after the questions to which its Root commits were asked.
type Beat struct {
	By    Role   `json:"by"`
	ID    string `json:"id"`
	Nonce string `json:"nonce"` // no other beat has it
	// Root commits to the questions that are answered by this beat.
	Root *Root `json:"root,omitempty"`
	// Seal, if set, says what became of an earlier beat.
	Seal *Seal `json:"seal,omitempty"`
	// Questions are the nonces that the beat commits to, in the seal of an edge: it
	// has no other way to answer.
	Questions []string `json:"questions,omitempty"`
	// Stamp, if not 0, is above every stamp that the store hands out until
	// the next beat of an issuer is due, by all that this one knows.
	Stamp int64 `json:"stamp,omitempty"`
	// LongestMS is for how long a token that was handed out may still be good, by all
	// that an issuer knows, in milliseconds.
	LongestMS int64 `json:"longest_ms,omitempty"`
	// At is the wall clock of whoever commits it, in Unix milliseconds.
	At int64 `json:"at,omitempty"`
	// StalenessMS is the bound B that its owner goes by, in milliseconds.
	StalenessMS int64 `json:"staleness_ms,omitempty"`
}

// leastStaleness is the smallest bound that an edge may tell of: all go by the
// smallest that they hear, and by too small a one nobody would be fresh.
const leastStaleness = time.Second

// DecodeBeat reads a beat of the log; ok is false for anything else. Whose it is
// says the subject that it stands on, where only issuers may write on one and only
// edges on the other: one by an edge carries no stamp, no clock and no life.
func DecodeBeat(m Message) (b Beat, ok bool) {
	if m.Kind != KindBeat || json.Unmarshal(m.Data, &b) != nil {
		return Beat{}, false
	}
	if m.StandIn || b.By == RoleEdge {
		b.Stamp, b.At, b.LongestMS = 0, 0, 0
		if b.StalenessMS > 0 {
			b.StalenessMS = max(b.StalenessMS, leastStaleness.Milliseconds())
		}
		if b.By != "" {
			b.By = RoleEdge
		}
	}
	return b, true
}

// A Seal says that its owner has read a beat in the log, and found that the log
// holds all that it must. It stands in the log itself, behind the beat.
type Seal struct {
	Seq   uint64 `json:"seq"`   // of the beat
	Nonce string `json:"nonce"` // of the beat
	// State is how the log described itself after the beat, and Tally what
	// the owner had read of the revocations that it must hold by that.
	State State `json:"state"`
	Tally Tally `json:"tally"`
}

// An Answer tells how far to read. Nothing in it is believed: it only says where
// in the log the beat and its seal are, and how to show that the beat commits to
// the question. See [Follower.Sealed].
type Answer struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`  // of the beat
	Seal  uint64 `json:"seal"` // sequence of the seal
	Proof Proof  `json:"proof"`
}

// ErrUnproven: what an answer claims does not stand in the log.
var ErrUnproven = errors.New("events: the answer is not borne out by the log")

// Sealed waits until the follower has read as far as the answer says, and returns
// the beat and the seal that it has read there itself. The error wraps
// ErrUnproven unless the beat commits to the nonce, and the seal behind it is
// about that beat and by the same node: another's seal says nothing of what the
// owner of the beat has found. A log that was rolled back counts through the same numbers
// again with other messages, so numbers prove nothing.
func (f *Follower) Sealed(ctx context.Context, a Answer, nonce string, patience time.Duration) (Beat, Position, error) {
	pos, err := f.CatchUp(ctx, a.Epoch, a.Seal, patience)
	if err != nil {
		return Beat{}, pos, err
	}
	beat, seal, lineage := f.beatsAt(a.Seq, a.Seal)
	if beat == nil || seal == nil || lineage != pos.Lineage {
		f.Verify()
		return Beat{}, pos, fmt.Errorf("%w: no beat at %d, or no seal at %d", ErrUnproven, a.Seq, a.Seal)
	}
	switch {
	case seal.Seal == nil || a.Seal <= a.Seq || seal.Seal.Seq != a.Seq || seal.Seal.Nonce != beat.Nonce:
		err = fmt.Errorf("%w: the seal at %d is of another beat", ErrUnproven, a.Seal)
	case seal.By != beat.By || seal.ID != beat.ID:
		err = fmt.Errorf("%w: the seal at %d is by another than the beat", ErrUnproven, a.Seal)
	case !a.Proof.shows(beat.Root, nonce):
		err = fmt.Errorf("%w: the beat at %d does not commit to the question", ErrUnproven, a.Seq)
	case seal.Seal.State.Epoch != pos.Epoch:
		err = fmt.Errorf("%w: the seal at %d is of another log", ErrUnproven, a.Seal)
	}
	return Beat{By: beat.By, StalenessMS: beat.StalenessMS, Seal: seal.Seal}, pos, err
}

// ReadTo is CatchUp with a confirmation of another follower of the same log: it
// fails unless the very beat has been read.
func (f *Follower) ReadTo(ctx context.Context, c Confirmation, patience time.Duration) (Position, error) {
	pos, err := f.CatchUp(ctx, c.Epoch, c.Seq, patience)
	if err == nil && !f.readBeat(c.Seq, c.Nonce) {
		f.Verify()
		err = fmt.Errorf("%w: the beat at %d is another", ErrDiverged, c.Seq)
	}
	return pos, err
}

// readBeat reports whether the beat with the nonce has been read at seq.
func (f *Follower) readBeat(seq uint64, nonce string) bool {
	beat, _, _ := f.beatsAt(seq, seq)
	return beat != nil && nonce != "" && beat.Nonce == nonce
}

// beatsAt returns what was read at two places in the present lineage, nil where
// that was no beat, or is too long ago.
func (f *Follower) beatsAt(first, second uint64) (a, b *Beat, lineage uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.beats.at(first), f.beats.at(second), f.pos.Lineage
}

// beats are the latest beats that were read. Whoever waits for one looks within
// moments of its being read, and there are some tens of them in a second at most.
type beats struct {
	read [512]beatAt
	next int
}

type beatAt struct {
	seq  uint64
	time time.Time // by the log's clock
	beat *Beat
}

func (b *beats) add(m Message) {
	if beat, ok := DecodeBeat(m); ok {
		beat.Questions = nil // of which an attacker may name many
		b.read[b.next] = beatAt{m.Seq, m.Time, &beat}
		b.next = (b.next + 1) % len(b.read)
	}
}

func (b *beats) at(seq uint64) *Beat {
	for _, r := range b.read {
		if r.beat != nil && r.seq == seq {
			return r.beat
		}
	}
	return nil
}

// clockOf returns what the log's clock and the wall clock of an issuer other than
// the one named said at its latest beat that was read; ok is false without any.
func (b *beats) clockOf(except string) (log, wall time.Time, ok bool) {
	for n := range b.read {
		r := b.read[(b.next-1-n+2*len(b.read))%len(b.read)]
		if r.beat != nil && r.beat.At > 0 && r.beat.ID != except {
			return r.time, time.UnixMilli(r.beat.At), true
		}
	}
	return log, wall, false
}
