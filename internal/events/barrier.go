package events

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// beatTTL is how long the log keeps a beat. A follower that was away
	// for longer cannot show that it was reading the same log, and replays.
	beatTTL = 15 * time.Minute
	// beatTimeout bounds one round of the barrier.
	beatTimeout = 2 * time.Second
	// recountPause is the least time between two recounts.
	recountPause = 20 * time.Second
)

var (
	// ErrIncomplete: the log has lost revocations that had been read from it.
	ErrIncomplete = errors.New("events: log lost revocations")
	// ErrNotAdmitted: whoever was asked has not yet made sure that this
	// epoch of the log holds everything it must.
	ErrNotAdmitted = errors.New("events: epoch not admitted")
)

// A Barrier answers how far to read, by committing beats. One beat answers all
// questions that arrived before it was published, and beats are paced, so the
// cost does not grow with the number of those who ask.
type Barrier struct {
	// Stamp returns that of the next beat. It may be nil, and must not be
	// changed once beats are committed.
	Stamp func() int64
	// Staleness is the bound B that its owner goes by.
	Staleness time.Duration

	log      Log
	follower *Follower
	beat     Beat
	pace     time.Duration

	mu        sync.Mutex
	waiting   *round // the questions for the next beat
	running   bool
	recounted time.Time // when a question last made us count again
	admitted  Position  // the epoch and lineage that may be answered for
	acked     uint64    // the highest sequence that a beat of ours has got
}

type round struct {
	done   chan struct{}
	answer Answer
	err    error
}

// NewBarrier makes a barrier over a log and a running follower of that log.
// Beats start at least pace apart.
func NewBarrier(log Log, follower *Follower, by Role, id string, pace time.Duration) *Barrier {
	return &Barrier{log: log, follower: follower, beat: Beat{By: by, ID: id}, pace: pace}
}

// Admit allows answers for the epoch and lineage of p: its caller has made
// sure that the log holds every unexpired revocation.
func (b *Barrier) Admit(p Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.admitted = p
}

// Admitted reports whether answers may be given for the log as it is now.
func (b *Barrier) Admitted() bool { return b.admits(b.follower.Position()) }

func (b *Barrier) admits(p Position) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return p.Epoch != "" && p.Epoch == b.admitted.Epoch && p.Lineage == b.admitted.Lineage
}

// Answer answers a question from outside.
func (b *Barrier) Answer(ctx context.Context, q Question) (Answer, error) {
	if q.Missed && b.mayRecount() {
		b.follower.Replay()
	}
	return b.Confirm(ctx)
}

// mayRecount keeps an asker that is itself mistaken from making everyone read
// the whole log over and over.
func (b *Barrier) mayRecount() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.recounted.IsZero() && time.Since(b.recounted) < recountPause {
		return false
	}
	b.recounted = time.Now()
	return true
}

// Confirm answers one question. The beat is published after Confirm is called.
func (b *Barrier) Confirm(ctx context.Context) (Answer, error) {
	r := b.join()
	select {
	case <-r.done:
		return r.answer, r.err
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

func (b *Barrier) join() *round {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = &round{done: make(chan struct{})}
		if !b.running {
			b.running = true
			go b.commit()
		}
	}
	return b.waiting
}

// commit publishes beats for as long as there are questions.
func (b *Barrier) commit() {
	for {
		b.mu.Lock()
		r := b.waiting
		b.waiting = nil // later questions need a later beat
		b.running = r != nil
		b.mu.Unlock()
		if r == nil {
			return
		}
		pace := time.NewTimer(b.pace)
		r.answer, r.err = b.round()
		close(r.done)
		<-pace.C
	}
}

func (b *Barrier) round() (Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), beatTimeout)
	defer cancel()
	a, pos, err := b.Probe(ctx)
	if err == nil && !b.admits(pos) {
		return Answer{}, ErrNotAdmitted
	}
	return a, err
}

// Probe commits one beat and reads up to it, whether the epoch is admitted or
// not. Any sign that the log has changed its identity, gone back, or lost
// something makes the follower verify or replay, and is an error.
func (b *Barrier) Probe(ctx context.Context) (Answer, Position, error) {
	before := b.follower.Position()
	beat := b.beat
	beat.Nonce = rand.Text()
	beat.At, beat.StalenessMS = time.Now().UnixMilli(), b.Staleness.Milliseconds()
	if !b.admits(before) {
		beat.By = "" // it promises no answers: edges that stand in go on
	}
	if b.Stamp != nil {
		beat.Stamp = b.Stamp()
	}
	data, err := json.Marshal(beat)
	if err != nil {
		return Answer{}, Position{}, err
	}
	acked := b.highest()
	seq, err := b.log.Append(ctx, Record{Kind: KindBeat, Data: data, TTL: beatTTL})
	if err != nil {
		return Answer{}, Position{}, err
	}
	if !b.advances(acked, seq) {
		b.follower.Replay()
		return Answer{}, Position{}, fmt.Errorf("%w: beat at %d, had one at %d", ErrDiverged, seq, acked)
	}
	if seq <= before.Seq {
		b.follower.Verify()
		return Answer{}, Position{}, fmt.Errorf("%w: beat at %d, had read %d", ErrDiverged, seq, before.Seq)
	}
	pos, err := b.follower.CatchUp(ctx, "", seq, beatTimeout)
	if err != nil {
		return Answer{}, Position{}, err
	}
	if !b.follower.readBeat(seq, beat.Nonce) {
		b.follower.Replay()
		return Answer{}, Position{}, fmt.Errorf("%w: the beat at %d is another", ErrDiverged, seq)
	}
	answer := Answer{Epoch: pos.Epoch, Seq: seq, Nonce: beat.Nonce, By: b.beat.By, StalenessMS: beat.StalenessMS}
	answer.State, answer.Count, err = b.audit(ctx, pos)
	if err != nil {
		return Answer{}, Position{}, err
	}
	return answer, pos, nil
}

// audit makes sure that the log that took the beat is the one the follower
// reads, and that nothing is missing from it.
func (b *Barrier) audit(ctx context.Context, pos Position) (State, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	state, err := b.log.State(ctx)
	if err != nil {
		return State{}, 0, err
	}
	if state.Epoch != pos.Epoch {
		b.follower.Verify()
		return State{}, 0, fmt.Errorf("%w: epoch %s, was reading %s", ErrDiverged, state.Epoch, pos.Epoch)
	}
	count, err := b.follower.Count(ctx, state)
	if err != nil {
		return State{}, 0, fmt.Errorf("events: audit: %w", err)
	}
	if state.Revocations < count {
		b.follower.Replay()
		return State{}, 0, ErrIncomplete
	}
	return state, count, nil
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
