package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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
	// maxNonce and maxQuestions bound what one beat answers.
	maxNonce     = 64
	maxQuestions = 1 << 16
	// maxEdgeQuestions is that for an edge, which names them.
	maxEdgeQuestions = 512
)

var (
	// ErrIncomplete: the log has lost revocations that had been read from it.
	ErrIncomplete = errors.New("events: log lost revocations")
	// ErrNotAdmitted: whoever was asked has not yet made sure that this
	// epoch of the log holds everything it must.
	ErrNotAdmitted = errors.New("events: epoch not admitted")
	// ErrBadQuestion: a question without a nonce, or with one that is too long,
	// or one of too many at a time.
	ErrBadQuestion = errors.New("events: bad question")
)

// A Refusal is the error of whoever was asked and did not answer.
type Refusal struct {
	By  Role
	Err error
}

func (r *Refusal) Error() string { return "events: refused by " + string(r.By) + ": " + r.Err.Error() }

// Unwrap makes a refusal the error that it was refused for.
func (r *Refusal) Unwrap() error { return r.Err }

// A Barrier answers how far to read, by committing beats. One beat answers all
// questions that arrived before it was published, and beats are paced, so the
// cost does not grow with the number of those who ask.
//
// The exported fields may be left out, and must not be changed once it is used.
type Barrier struct {
	// Stamp returns that of the next beat.
	Stamp func() int64
	// Longest returns for how long a token that was handed out may still be good.
	Longest func() time.Duration
	// Staleness returns the bound B that its owner goes by.
	Staleness func() time.Duration
	// Elapsed is its owner's clock, which nothing sets. Time asleep may count.
	Elapsed func() time.Duration
	// Vouch names the vouch that the store bore at a time or later: as long as it
	// bears the same, it has lost nothing. It is empty if nobody can say.
	Vouch func(ctx context.Context, since time.Time) string
	// Age returns how long ago a revocation was filed, by the store's clock.
	Age func(Revocation) (time.Duration, bool)
	// Before is called before each beat that answers questions: what it
	// appends is below the beat. Its error refuses them. Still is called after the
	// beat was read: whether what Before made sure of still holds.
	Before func(context.Context) error
	Still  func() bool

	log      Log
	follower *Follower
	beat     Beat
	pace     time.Duration
	clock    logClock
	failures atomic.Uint64
	leaps    atomic.Uint64 // of the log's clock, as many as were noticed
	restored atomic.Uint64 // how many there had been when the log was last restored
	once     atomic.Bool   // it has been restored
	differ   atomic.Bool   // two readers have read the log differently
	// Of the goroutine that restores: when, by Elapsed, replicas that differ are a
	// reason again to renew the log; the latest pause; and what was begun.
	nextRenewal, renewPause time.Duration
	renewal                 *renewal

	mu        sync.Mutex
	waiting   *round // the questions for the next beat
	running   bool
	recounted time.Time // when a question last made us count again
	admitted  Position  // the epoch and lineage that may be answered for
	acked     uint64    // the highest sequence that a beat of ours has got
}

// A round is the questions that one beat answers.
type round struct {
	done   chan struct{}
	nonces []string
	tree   tree
	found  found
	err    error
}

// NewBarrier makes a barrier over a log and a running follower of that log.
// Beats start at least pace apart.
func NewBarrier(log Log, follower *Follower, by Role, id string, pace time.Duration) *Barrier {
	start := time.Now()
	return &Barrier{
		Stamp:     func() int64 { return 0 },
		Longest:   func() time.Duration { return 0 },
		Staleness: func() time.Duration { return 0 },
		Elapsed:   func() time.Duration { return time.Since(start) },
		Vouch:     func(context.Context, time.Time) string { return "" },
		Age:       func(Revocation) (time.Duration, bool) { return 0, false },
		Before:    func(context.Context) error { return nil },
		Still:     func() bool { return true },
		log:       log, follower: follower, beat: Beat{By: by, ID: id}, pace: pace,
	}
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

// Answer answers a question from outside. Its errors are a [Refusal].
func (b *Barrier) Answer(ctx context.Context, q Question) (Answer, error) {
	if q.Nonce == "" || len(q.Nonce) > maxNonce || strings.ContainsFunc(q.Nonce, notInText) {
		return Answer{}, &Refusal{b.beat.By, fmt.Errorf("%w: nonce of %d bytes", ErrBadQuestion, len(q.Nonce))}
	}
	if q.Missed && b.mayRecount() {
		b.follower.Replay()
	}
	r, n := b.join(q.Nonce)
	if err := r.wait(ctx); err != nil {
		return Answer{}, &Refusal{b.beat.By, err}
	}
	proof, err := r.tree.proof(n)
	return Answer{Epoch: r.found.pos.Epoch, Seq: r.found.seq, Seal: r.found.seal, Proof: proof}, err
}

// notInText: in a seal of an edge every other character would take the room of six.
func notInText(r rune) bool { return r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a' }

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

// A Confirmation is an answer to oneself: what was acknowledged before it was
// asked for stands in the log up to the beat.
type Confirmation struct {
	Position        // up to the beat, as it was read
	Nonce    string // of the beat
	State    State  // of the log, after the beat
	Tally    Tally  // of what was read of it
}

// Confirm answers a question of one's own. The beat is published after Confirm
// is called.
func (b *Barrier) Confirm(ctx context.Context) (Confirmation, error) {
	r, _ := b.join("")
	if err := r.wait(ctx); err != nil {
		return Confirmation{}, err
	}
	return r.found.confirmation(), nil
}

func (r *round) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Failures is how many beats for questions failed.
func (b *Barrier) Failures() uint64 { return b.failures.Load() }

// join adds a question to the next round, and returns its number there.
func (b *Barrier) join(nonce string) (r *round, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = &round{done: make(chan struct{})}
		if !b.running {
			b.running = true
			go b.commit()
		}
	}
	switch {
	case nonce == "":
	case len(b.waiting.nonces) >= b.mostQuestions():
		full := &round{done: make(chan struct{}), err: fmt.Errorf("%w: too many at a time", ErrBadQuestion)}
		close(full.done)
		return full, 0
	default:
		b.waiting.nonces = append(b.waiting.nonces, nonce)
	}
	return b.waiting, int64(len(b.waiting.nonces)) - 1
}

func (b *Barrier) mostQuestions() int {
	if b.beat.By == RoleEdge {
		return maxEdgeQuestions
	}
	return maxQuestions
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
		r.err = b.round(r)
		close(r.done)
		<-pace.C
	}
}

// round commits a beat and, for those who are to find it in the log, its seal.
func (b *Barrier) round(r *round) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), beatTimeout)
	defer cancel()
	if err := b.Before(ctx); err != nil {
		return err
	}
	if r.tree, err = newTree(r.nonces); err != nil {
		return err
	}
	if r.found, err = b.probe(ctx, r.tree); err != nil {
		b.failures.Add(1)
		return err
	}
	if !b.admits(r.found.pos) || !b.Still() {
		return ErrNotAdmitted
	}
	if len(r.nonces) > 0 {
		r.found.seal, err = b.seal(ctx, r.found, r.nonces)
	}
	return err
}
