package events

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
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
	// bound or so.
	Interval time.Duration
	// Elapsed is the edge's clock; it counts time asleep.
	Elapsed func() time.Duration
	// Renew is told the instant of Elapsed as of which the copy is complete.
	Renew func(asOf time.Duration)
	// Poke makes it ask at once, after a reconnect for example.
	Poke <-chan struct{}
	Log  *slog.Logger

	missed     bool   // of Run's goroutine: a whole replay fell short too
	recounting uint64 // the lineage of that replay

	mu    sync.Mutex
	leave func() // ends standing in; nil while not standing in
}

// Run asks until ctx ends.
func (s *Sync) Run(ctx context.Context) {
	defer s.stepDown("stopping")
	failures := 0
	for ctx.Err() == nil {
		start := s.Elapsed()
		err := s.round(ctx, Question{Everyone: failures > 0, Missed: s.missed})
		if err == nil {
			failures = 0
			s.pause(ctx, s.jitter(s.Interval)-(s.Elapsed()-start))
			continue
		}
		failures++
		s.Log.Debug("freshness not confirmed", "error", err, "failures", failures)
		s.pause(ctx, s.jitter(s.Interval/4))
		if failures > 1 {
			s.standIn(ctx)
		}
	}
}

// jitter spreads d by a fifth, so that many edges do not ask in step.
func (s *Sync) jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
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
func (s *Sync) Round(ctx context.Context) error { return s.round(ctx, Question{Everyone: true}) }

// round is one question. The clock is read before it is asked: the answer is
// good for what was acknowledged before that, not for what came later.
func (s *Sync) round(ctx context.Context, q Question) error {
	asOf := s.Elapsed()
	before := s.Follower.Position()
	answer, err := s.ask(ctx, q)
	if err != nil {
		return err
	}
	if answer.By == RoleIssuer {
		go s.stepDown("an issuer answers")
	}
	if before.Epoch != "" && answer.Epoch != before.Epoch || answer.Seq <= before.Seq {
		// Another log, or the same one gone back: the follower shall look.
		s.Follower.Verify()
	}
	if answer.Epoch == before.Epoch && answer.Seq <= before.Seq {
		return fmt.Errorf("%w: told to read to %d, had read %d", ErrDiverged, answer.Seq, before.Seq)
	}
	pos, err := s.Follower.CatchUpTo(ctx, answer, 2*s.Interval)
	if err != nil {
		return err
	}
	count, err := s.count(ctx, answer.State)
	if err != nil {
		return err
	}
	if count < answer.Count {
		// Reading again helps if they were put back; if not, the answerer
		// counts what is no longer there.
		s.missed = s.recounting == pos.Lineage && pos.Lineage > 0
		s.Follower.Replay()
		s.recounting = s.Follower.Position().Lineage
		return fmt.Errorf("%w: read %d of %d revocations, the others were gone before", ErrIncomplete, count, answer.Count)
	}
	s.missed = false
	s.Renew(asOf)
	switch {
	case count > answer.State.Revocations:
		// The log lost some, and has perhaps been refilled. The edge keeps
		// what it has, but starts its count again.
		s.Log.Warn("log lost revocations that had been read, replaying it")
		s.Follower.Replay()
	case pos.Lineage == before.Lineage:
		// Whoever answered made sure of the log after this edge began to
		// read it; so the edge may now answer others.
		s.Barrier.Admit(pos)
	}
	return nil
}

func (s *Sync) count(ctx context.Context, state State) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Interval)
	defer cancel()
	return s.Follower.Count(ctx, state)
}

func (s *Sync) ask(ctx context.Context, q Question) (Answer, error) {
	timeout := s.Interval / 2
	if q.Everyone {
		timeout = s.Interval
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return s.Exchange.Ask(ctx, q)
}

// standIn makes the edge answer questions, if it may: it has been fresh in
// this epoch, and after a random wait there is still nobody else who answers.
func (s *Sync) standIn(ctx context.Context) {
	if !s.Barrier.Admitted() || s.standing() {
		return
	}
	s.pause(ctx, rand.N(s.Interval/4+1))
	if _, err := s.ask(ctx, Question{Everyone: true}); err == nil || ctx.Err() != nil {
		return
	}
	leave, err := s.Exchange.Serve(ctx, s.Barrier.Answer)
	if err != nil {
		s.Log.Warn("cannot stand in for the issuers", "error", err)
		return
	}
	s.mu.Lock()
	s.leave = leave
	s.mu.Unlock()
	s.Log.Info("no issuer answers: standing in")
}

func (s *Sync) standing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leave != nil
}

// SawBeat is to be called for every beat in the log: one by an issuer ends
// the edge's standing in.
func (s *Sync) SawBeat(by Role) {
	if by == RoleIssuer && s.standing() {
		go s.stepDown("an issuer is back")
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
