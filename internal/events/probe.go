package events

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

// found is what a beat has shown.
type found struct {
	seq   uint64 // of the beat
	nonce string
	pos   Position // of the follower when it had read the beat
	state State
	tally Tally
	seal  uint64 // sequence of the seal, 0 without
}

func (f found) confirmation() Confirmation {
	return Confirmation{
		Position: Position{Epoch: f.pos.Epoch, Lineage: f.pos.Lineage, Seq: f.seq},
		Nonce:    f.nonce, State: f.state, Tally: f.tally,
	}
}

// Probe commits one beat and reads up to it, whether the epoch is admitted or
// not. Any sign that the log has changed its identity, gone back, or lost
// something makes the follower verify or replay, and is an error.
func (b *Barrier) Probe(ctx context.Context) (Position, error) {
	f, err := b.probe(ctx, tree{})
	return f.pos, err
}

func (b *Barrier) probe(ctx context.Context, questions tree) (f found, err error) {
	before, acked := b.follower.Position(), b.highest()
	beat, err := b.compose(before, questions)
	if err != nil {
		return f, err
	}
	if f.seq, err = b.append(ctx, beat); err != nil {
		return f, err
	}
	if !b.advances(acked, f.seq) {
		b.follower.Replay()
		return f, fmt.Errorf("%w: beat at %d, had one at %d", ErrDiverged, f.seq, acked)
	}
	if f.seq <= before.Seq {
		b.follower.Verify()
		return f, fmt.Errorf("%w: beat at %d, had read %d", ErrDiverged, f.seq, before.Seq)
	}
	if f.pos, err = b.follower.CatchUp(ctx, "", f.seq, beatTimeout); err != nil {
		return f, err
	}
	if !b.follower.readBeat(f.seq, beat.Nonce) {
		b.follower.Replay()
		return f, fmt.Errorf("%w: the beat at %d is another", ErrDiverged, f.seq)
	}
	f.nonce = beat.Nonce
	f.state, f.tally, err = b.audit(ctx, f.pos)
	return f, err
}

// compose makes a beat. One that promises no answers is nobody's: edges that
// stand in go on.
func (b *Barrier) compose(at Position, questions tree) (beat Beat, err error) {
	beat = b.beat
	beat.Nonce = rand.Text()
	if !b.admits(at) {
		beat.By = ""
	}
	beat.Stamp, beat.At, beat.StalenessMS = b.Stamp(), time.Now().UnixMilli(), b.Staleness().Milliseconds()
	beat.LongestMS = b.Longest().Milliseconds()
	if questions.size > 0 {
		beat.Root, err = questions.root()
	}
	return beat, err
}

func (b *Barrier) append(ctx context.Context, beat Beat) (uint64, error) {
	data, err := json.Marshal(beat)
	if err != nil {
		return 0, fmt.Errorf("events: beat: %w", err)
	}
	return b.log.Append(ctx, Record{Kind: KindBeat, StandIn: b.beat.By == RoleEdge, Data: data, TTL: beatTTL})
}

// seal says in the log what a beat has shown. The lineage that it speaks of was
// admitted; should the log lose something now, whoever reads it later counts
// other revocations than the seal says.
func (b *Barrier) seal(ctx context.Context, f found, questions []string) (uint64, error) {
	seal := b.beat
	if seal.By == RoleEdge {
		seal.Questions = questions
	}
	seal.Nonce, seal.At, seal.StalenessMS = rand.Text(), time.Now().UnixMilli(), b.Staleness().Milliseconds()
	seal.Seal = &Seal{Seq: f.seq, Nonce: f.nonce, State: f.state, Tally: f.tally}
	return b.append(ctx, seal)
}

// audit makes sure that the log that took the beat is the one the follower
// reads, and that nothing is missing from it.
func (b *Barrier) audit(ctx context.Context, pos Position) (State, Tally, error) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	asked := b.Elapsed()
	state, err := b.log.State(ctx)
	if err != nil {
		return State{}, Tally{}, err
	}
	if state.Epoch != pos.Epoch {
		b.follower.Verify()
		return State{}, Tally{}, fmt.Errorf("%w: epoch %s, was reading %s", ErrDiverged, state.Epoch, pos.Epoch)
	}
	if err := b.clock.read(reading{state.Now, asked, b.Elapsed()}); err != nil {
		b.leaps.Add(1)
		b.follower.Replay()
		return State{}, Tally{}, err
	}
	tally, lineage, err := b.follower.Count(ctx, state)
	switch {
	case err != nil:
		return State{}, Tally{}, fmt.Errorf("events: audit: %w", err)
	case lineage != pos.Lineage:
		// What is counted now may have lost something that was there when
		// this lineage was admitted.
		return State{}, Tally{}, fmt.Errorf("%w: read anew during the audit", ErrDiverged)
	case state.Revocations < tally.Revocations:
		b.follower.Replay()
		return State{}, Tally{}, ErrIncomplete
	}
	return state, tally, nil
}

func (b *Barrier) highest() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.acked
}

// advances reports whether a beat at seq is behind all that were acknowledged
// before it was appended. If not, the log has lost what it had acknowledged,
// and perhaps before anybody read it.
func (b *Barrier) advances(before, seq uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if seq <= before {
		b.acked = seq
		return false
	}
	b.acked = max(b.acked, seq)
	return true
}

// adopt admits what another has admitted, whose readings of the log's clock are
// gone on from.
func (b *Barrier) adopt(p Position, now reading) {
	if b.clock.read(now) != nil {
		b.leaps.Add(1)
		return
	}
	b.Admit(p)
}
