package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	random "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Sync keeps an edge fresh: it asks how far to read, waits until the follower
// has read that far, and reports as of when the edge's copy is known to be
// complete. It supervises itself and ends only with its context.
type Sync struct {
	Exchange Exchange
	Follower *Follower
	// Barrier is the edge's own, with which it answers other edges (and
	// itself) while no issuer does.
	Barrier *Barrier
	// Interval is the time between questions, a quarter of the staleness
	// bound or so. Whoever answers may go by a smaller bound: then it is a
	// quarter of that.
	Interval time.Duration
	// Elapsed is the edge's clock; it counts time asleep.
	Elapsed func() time.Duration
	// Renew is told the instant of Elapsed as of which the copy is complete,
	// and the bound B of whoever answered, 0 if it did not say.
	Renew func(asOf, bound time.Duration)
	// Lose is told that Elapsed may have stood still: what was fresh by it is
	// older than it says. It may be nil.
	Lose func()
	// Issuers makes it believe nobody else: whoever admits a log by an edge's word
	// would answer for everybody by it.
	Issuers bool
	// Poke makes it ask at once, after a reconnect for example.
	Poke <-chan struct{}
	Log  *slog.Logger

	// Of Run's goroutine.
	missed     bool     // a whole replay fell short too
	recounting uint64   // the lineage of that replay
	clock      *reading // the latest of the log's clock
	alone      alone
	rounds     uint64
	bound      time.Duration // of the latest answer, 0 if it did not say

	orphan  atomic.Bool   // an edge has answered, and no issuer has beaten since
	issuers atomic.Uint64 // beats of issuers that were read

	mu    sync.Mutex
	leave func() // ends standing in; nil while not standing in
	nonce string // of the question that edges are asked now
	named chan Answer
}

// Run asks until ctx ends.
func (s *Sync) Run(ctx context.Context) {
	defer s.stepDown("stopping")
	failures := 0
	for ctx.Err() == nil {
		start := s.Elapsed()
		err := s.round(ctx, Question{Everyone: failures > 0, Missed: s.missed}, s.asksEdges(failures))
		if err == nil {
			failures = 0
			s.pause(ctx, s.jitter(s.interval())-(s.Elapsed()-start))
			continue
		}
		failures++
		s.Log.Debug("freshness not confirmed", "error", err, "failures", failures)
		s.alone.note(err, s.Elapsed())
		s.pause(ctx, s.jitter(s.interval()/4))
		switch {
		case !s.isAlone():
			s.stepDown("issuers may be there")
		case failures > 2 && s.standIn(ctx): // neither issuers nor edges have answered
			failures = 0
		}
	}
}

// asksEdges says whether the next question is for edges that stand in: when issuers
// have not answered, and then until one of those beats or the edges do not answer. Now
// and then an issuer is asked all the same: one that refuses does not beat.
func (s *Sync) asksEdges(failures int) bool {
	s.rounds++
	return !s.Issuers && failures%2 == 0 && (failures > 1 || (s.orphan.Load() || s.standing()) && s.rounds%4 != 0)
}

func (s *Sync) interval() time.Duration {
	if s.bound > 0 {
		return min(s.Interval, s.bound/4)
	}
	return s.Interval
}

// jitter spreads d by a fifth, so that many edges do not ask in step.
func (s *Sync) jitter(d time.Duration) time.Duration {
	return d - d/10 + random.N(d/5+1)
}

func (s *Sync) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.Poke:
	case <-ctx.Done():
	}
}

// Round asks everyone once, outside of Run. Its error is nil when the follower
// has read all it must.
func (s *Sync) Round(ctx context.Context) error {
	return s.round(ctx, Question{Everyone: true}, false)
}

// round is one question. The clock is read before it is asked: the answer is
// good for what was acknowledged before that, not for what came later.
func (s *Sync) round(ctx context.Context, q Question, edges bool) error {
	asOf := s.Elapsed()
	before := s.Follower.Position()
	q.Nonce = rand.Text()
	var answer Answer
	var err error
	if edges {
		answer, err = s.askEdges(ctx, q, s.interval()/2)
		s.orphan.Store(err == nil)
	} else {
		answer, err = s.ask(ctx, q)
	}
	if err != nil {
		return err
	}
	if before.Epoch != "" && answer.Epoch != before.Epoch {
		s.Follower.Verify() // another log, by what is said: the follower shall look
	}
	beat, pos, err := s.Follower.Sealed(ctx, answer, q.Nonce, 2*s.interval())
	if err != nil {
		return err
	}
	if s.Issuers && beat.By != RoleIssuer {
		return fmt.Errorf("%w: an edge stands in", ErrNotAdmitted)
	}
	if beat.By == RoleIssuer {
		go s.stepDown("an issuer answers")
	}
	s.orphan.Store(beat.By == RoleEdge)
	if err := s.stoodStill(reading{beat.Seal.State.Now, asOf, s.Elapsed()}); err != nil {
		return err
	}
	if err := s.compare(ctx, pos, beat.Seal); err != nil {
		return err
	}
	s.bound = time.Duration(beat.StalenessMS) * time.Millisecond
	s.Renew(asOf, s.bound)
	if pos.Lineage == before.Lineage {
		// Whoever answered made sure of the log after this edge began to
		// read it; so the edge may now answer others.
		s.Barrier.adopt(pos, *s.clock)
	}
	return nil
}

// compare makes sure that the follower has read the very revocations that the
// owner of the seal had read. If not, something was lost before one of the two
// came to read it: it is read again, and then the answerer shall count again.
func (s *Sync) compare(ctx context.Context, pos Position, seal *Seal) error {
	ctx, cancel := context.WithTimeout(ctx, s.interval())
	defer cancel()
	tally, lineage, err := s.Follower.Count(ctx, seal.State)
	switch {
	case err != nil:
		return err
	case lineage != pos.Lineage:
		return fmt.Errorf("%w: read anew meanwhile", ErrDiverged)
	case tally == seal.Tally:
		s.missed = false
		return nil
	}
	s.missed = s.recounting == pos.Lineage && pos.Lineage > 0
	s.Follower.Replay()
	s.recounting = s.Follower.Position().Lineage
	return fmt.Errorf("%w: read %d revocations, another reader %d, and not the same", ErrIncomplete, tally.Revocations, seal.Tally.Revocations)
}

// stoodStill compares the edge's clock with the log's. If the log's has come much
// further since the last answer, the edge's may have stood still meanwhile, as it
// does when a machine is restored from a snapshot. Nobody can say whether before
// or after this question was asked, so it does not count; the next one does.
func (s *Sync) stoodStill(now reading) error {
	was := s.clock
	s.clock = &now
	if was == nil {
		return nil
	}
	if missing := now.since(*was); missing > s.interval()/2 {
		if s.Lose != nil {
			s.Lose()
		}
		return fmt.Errorf("%w: %s more than here since the last answer", ErrClockLeap, missing.Round(time.Millisecond))
	}
	return nil
}

func (s *Sync) ask(ctx context.Context, q Question) (Answer, error) {
	timeout := s.interval() / 2
	if q.Everyone {
		timeout = s.interval()
	}
	return s.askWithin(ctx, q, timeout)
}

func (s *Sync) askWithin(ctx context.Context, q Question, timeout time.Duration) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return s.Exchange.Ask(ctx, q)
}

// askEdges is ask, of edges that stand in. It waits for a seal in the log that names
// the question: there alone an edge may write.
func (s *Sync) askEdges(ctx context.Context, q Question, patience time.Duration) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	named := s.expect(q.Nonce)
	defer s.expect("")
	if err := s.Exchange.AskEdges(ctx, q); err != nil {
		return Answer{}, err
	}
	select {
	case a := <-named:
		return a, nil
	case <-ctx.Done():
		return Answer{}, ErrNoAnswerer
	}
}

// expect returns where the answer comes to the one question that edges are asked.
func (s *Sync) expect(nonce string) <-chan Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonce, s.named = nonce, make(chan Answer, 1)
	return s.named
}

// sawSeal hands on the answer that a seal holds for the question.
func (s *Sync) sawSeal(m Message, b Beat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := slices.Index(b.Questions, s.nonce)
	if s.nonce == "" || n < 0 || b.Seal == nil {
		return
	}
	tree, err := newTree(b.Questions)
	if err != nil {
		return
	}
	proof, err := tree.proof(int64(n))
	if err != nil {
		return
	}
	select {
	case s.named <- Answer{Epoch: m.Epoch, Seq: b.Seal.Seq, Seal: m.Seq, Proof: proof}:
	default: // one is enough
	}
}

// standIn makes the edge answer questions, if it may: it has been fresh in this
// epoch, and after a random wait there is still nobody else who answers. It reports
// whether some edge does now.
func (s *Sync) standIn(ctx context.Context) bool {
	if !s.Barrier.Admitted() || s.standing() {
		return false
	}
	beats := s.issuers.Load()
	// Whoever waits for the shortest time answers the others, who ask on.
	for wait, start := random.N(s.interval()+1), s.Elapsed(); s.Elapsed()-start < wait; {
		_, err := s.askEdges(ctx, Question{Nonce: rand.Text()}, s.interval()/8)
		if err == nil {
			s.orphan.Store(true)
			return true
		}
		if !errors.Is(err, ErrNoAnswerer) || ctx.Err() != nil {
			return false
		}
	}
	_, err := s.askWithin(ctx, Question{Nonce: rand.Text(), Everyone: true}, s.interval()/2)
	s.alone.note(err, s.Elapsed())
	if err == nil || !s.isAlone() || s.issuers.Load() != beats {
		return false
	}
	leave, err := s.Exchange.ServeEdges(ctx, s.Barrier.Answer)
	if err != nil {
		s.Log.Warn("cannot stand in for the issuers", "error", err)
		return false
	}
	s.mu.Lock()
	s.leave = leave
	s.mu.Unlock()
	s.Log.Info("no issuer answers: standing in")
	return true
}

func (s *Sync) isAlone() bool {
	return s.alone.is(s.Elapsed(), s.Follower.Steady(), s.interval())
}

func (s *Sync) standing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leave != nil
}

// SawBeat is to be called for every beat in the log, with what [DecodeBeat] makes of
// it: one by an issuer ends the edge's standing in, one by an edge may be the answer
// to a question.
func (s *Sync) SawBeat(m Message, b Beat) {
	switch {
	case b.By == RoleEdge:
		s.sawSeal(m, b)
	case b.By == RoleIssuer && m.Pending == 0: // what is read again may be long ago
		s.issuers.Add(1)
		s.orphan.Store(false)
		if s.standing() {
			go s.stepDown("an issuer is back")
		}
	}
}

func (s *Sync) stepDown(why string) {
	s.mu.Lock()
	leave := s.leave
	s.leave = nil
	s.mu.Unlock()
	if leave != nil {
		leave()
		s.Log.Info("no longer standing in for the issuers", "why", why)
	}
}
