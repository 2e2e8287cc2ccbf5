package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// A Position says how far a follower has applied the log.
type Position struct {
	Epoch string
	// Lineage counts the times this follower has started over. Positions
	// of different lineages are not comparable, even within one epoch: the
	// log may have been rolled back in between.
	Lineage uint64
	Seq     uint64
}

// replaySpread bounds the random wait before a replay.
const replaySpread = 300 * time.Millisecond

// maxBatch bounds how many messages are applied at a time.
const maxBatch = 512

// A Follower applies a log without gaps, for as long as Run runs. It resumes
// after interruptions and starts over when the log has diverged.
type Follower struct {
	log   Log
	apply func([]Message) error
	slog  *slog.Logger

	mu        sync.Mutex
	pos       Position
	last      Cursor
	caughtUp  bool          // in this lineage, the end of the log has been seen
	atEnd     bool          // what was applied last was the end of the log then
	moved     chan struct{} // closed and replaced whenever pos changes
	interrupt context.CancelCauseFunc
	following chan struct{} // closed when the latest follow has ended; nil before the first
	census    census
	beats     beats
	awaited   awaited

	interruptions uint64    // follows that ended otherwise than by our own doing
	resumes       uint64    // follows that went on behind what had been read
	began         time.Time // when the latest follow did; zero once it has so ended
}

// NewFollower makes a follower that hands every message, in order, to apply.
// Messages come in batches; a batch ends when the log has no more for now.
// When apply fails, the batch is not counted as applied and will be read again.
func NewFollower(log Log, apply func([]Message) error, logger *slog.Logger) *Follower {
	return &Follower{log: log, apply: apply, slog: logger, moved: make(chan struct{})}
}

// Run follows the log until ctx ends. Every failure is retried, with backoff
// and jitter.
func (f *Follower) Run(ctx context.Context) {
	pause := NewBackOff(50*time.Millisecond, time.Second)
	for level := slog.LevelWarn; ctx.Err() == nil; {
		before := f.Position()
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if f.Position() != before {
			pause.Reset()
			level = slog.LevelWarn
		}
		level = f.ended(ctx, err, level)
		Sleep(ctx, pause.NextBackOff())
	}
}

// ended decides how to go on after a follow has ended. It warns once until
// there is progress again, and returns the level for the next time.
func (f *Follower) ended(ctx context.Context, err error, level slog.Level) slog.Level {
	if errors.Is(err, errInterrupted) {
		return level
	}
	f.mu.Lock()
	f.interruptions++
	f.began = time.Time{}
	f.mu.Unlock()
	switch {
	case errors.Is(err, ErrDiverged), errors.Is(err, ErrNoLog) && f.Position().Epoch != "":
		f.slog.Log(ctx, level, "log diverged, replaying from its start", "error", err)
		f.startOver()
		Sleep(ctx, rand.N(replaySpread)) // many followers meet the same divergence
	case errors.Is(err, ErrNoLog):
		f.slog.Log(ctx, min(level, slog.LevelInfo), "no log yet, waiting for an issuer to create it")
	default:
		f.slog.Log(ctx, level, "log interrupted, resuming", "error", err, "seq", f.Position().Seq)
	}
	return slog.LevelDebug
}

var errInterrupted = errors.New("events: follow interrupted")

// follow reads from where the follower stands until something is wrong.
//
// A hole in the sequence is normal while the follower reads what was written
// before it came: beats live shorter than revocations. Once it has caught up, a
// message can only be gone before it was read if it was removed, or if reading
// it took longer than a beat lives. Both call for a replay.
func (f *Follower) follow(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	following := make(chan struct{})
	defer close(following)
	f.mu.Lock()
	f.interrupt, f.following, f.began = cancel, following, time.Now()
	after, lineage, caughtUp := f.last, f.pos.Lineage, f.caughtUp
	if after != (Cursor{}) {
		f.resumes++
	}
	f.mu.Unlock()

	var batch []Message
	for m, err := range f.log.Follow(ctx, after) {
		if err != nil {
			return errors.Join(f.flush(lineage, batch), cause(ctx, err))
		}
		if caughtUp && m.Seq != after.Seq+1 {
			return fmt.Errorf("%w: messages %d to %d are gone", ErrDiverged, after.Seq+1, m.Seq-1)
		}
		after.Seq, caughtUp = m.Seq, caughtUp || m.Pending == 0
		batch = append(batch, m)
		if m.Pending == 0 || len(batch) == maxBatch {
			if err := f.flush(lineage, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return cause(ctx, ErrUnavailable)
}

// cause prefers the reason for which a follow was cancelled.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}

func (f *Follower) flush(lineage uint64, batch []Message) error {
	if len(batch) == 0 {
		return nil
	}
	if err := f.apply(batch); err != nil {
		return err
	}
	last := batch[len(batch)-1]
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pos.Lineage != lineage {
		return errInterrupted // Replay was called while the batch was applied
	}
	for _, m := range batch {
		f.census.add(m)
		f.beats.add(m)
		f.awaited.read(m)
	}
	f.last = Cursor{Epoch: last.Epoch, Seq: last.Seq, Time: last.Time}
	f.atEnd = last.Pending == 0
	f.caughtUp = f.caughtUp || f.atEnd
	f.move(Position{Epoch: last.Epoch, Lineage: f.pos.Lineage, Seq: last.Seq})
	if f.awaited.passed(last.Seq) {
		return errInterrupted // something else is there: verify
	}
	return nil
}

// startOver forgets the position but nothing that was applied.
func (f *Follower) startOver() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last, f.caughtUp, f.atEnd = Cursor{}, false, false
	f.census, f.beats = census{}, beats{}
	f.move(Position{Lineage: f.pos.Lineage + 1})
}

func (f *Follower) move(p Position) {
	f.pos = p
	close(f.moved)
	f.moved = make(chan struct{})
}

// Position returns how far the log has been applied.
func (f *Follower) Position() Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pos
}

// Watch returns the position and a channel that is closed when it changes.
func (f *Follower) Watch() (Position, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pos, f.moved
}

// Wait blocks until everything up to seq of the epoch, or of any epoch when it
// is empty, has been applied. The error is ctx's.
func (f *Follower) Wait(ctx context.Context, epoch string, seq uint64) (Position, error) {
	for {
		pos, moved := f.Watch()
		if pos.Seq >= seq && (epoch == "" || pos.Epoch == epoch) {
			return pos, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return pos, ctx.Err()
		}
	}
}

// CatchUp is Wait for as long as there is progress towards it, since a first
// replay may take long. When there is none for the time of patience, or the log
// has ended before it, what is waited for may have been lost: the follower
// verifies, and CatchUp fails. A log that was rolled back grows towards it again,
// message by message, without ever bringing it.
//
// A follower that is on the way is left alone also when ctx ends: to bind anew in
// the middle of a replay may find that the message under the cursor has expired,
// and so begin from the start, again and again.
func (f *Follower) CatchUp(ctx context.Context, epoch string, seq uint64, patience time.Duration) (Position, error) {
	for last := f.Position(); ; {
		wait, cancel := context.WithTimeout(ctx, patience)
		pos, err := f.Wait(wait, epoch, seq)
		cancel()
		if err == nil {
			return pos, nil
		}
		onTheWay := pos.nearer(last, epoch) && !f.readAll()
		if !onTheWay {
			f.Verify()
		}
		if !onTheWay || ctx.Err() != nil {
			return pos, fmt.Errorf("events: read up to %d, want %d: %w", pos.Seq, seq, err)
		}
		last = pos
	}
}

// readAll reports whether the log had no more when it was read last.
func (f *Follower) readAll() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.atEnd
}

// nearer reports whether p is on the way from last to a position in epoch.
func (p Position) nearer(last Position, epoch string) bool {
	return p.Lineage == last.Lineage && p.Seq > last.Seq && (epoch == "" || p.Epoch == epoch)
}

// Verify makes the follower bind anew, which shows whether the log is still
// the one it was reading. Call it whenever there is reason to doubt that.
func (f *Follower) Verify() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.interrupt != nil {
		f.interrupt(errInterrupted)
	}
}

// Rebind is Verify, and waits until nothing is being applied any more that was
// read before. What is applied later was read from the log as it is now.
func (f *Follower) Rebind(ctx context.Context) error {
	f.mu.Lock()
	following := f.following
	f.mu.Unlock()
	f.Verify()
	if following == nil {
		return nil
	}
	select {
	case <-following:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Replay makes the follower apply the whole log once more, from its start.
func (f *Follower) Replay() {
	f.startOver()
	f.Verify()
}

// Interruptions is how often following has ended by itself: the connection was
// lost, the log could not be read, or has diverged.
func (f *Follower) Interruptions() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.interruptions
}

// Resumes is how often the follower has gone on behind what it had read. The log may
// have taken back, each time, what came behind that.
func (f *Follower) Resumes() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.resumes
}

// Steady is for how long the log has been followed without an interruption.
func (f *Follower) Steady() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.began.IsZero() {
		return 0
	}
	return time.Since(f.began)
}

// Count returns what the follower has read of the revocations that the log held
// up to s.LastSeq when it described itself as s, leaving out those about to
// expire, and in which lineage. All who have read the whole log count the same.
// More than the log itself holds means that it has lost some, by a purge or a
// deletion; others than another reader counted means that something was lost
// before one of the two came to read it. Count waits until the follower has read
// as far as s.
func (f *Follower) Count(ctx context.Context, s State) (t Tally, lineage uint64, err error) {
	if _, err := f.Wait(ctx, s.Epoch, s.LastSeq); err != nil {
		return Tally{}, 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t, ok := f.census.upTo(s)
	if !ok {
		return Tally{}, 0, ErrUnavailable
	}
	return t, f.pos.Lineage, nil
}

// clockOf is what the latest beat of another issuer says of clocks.
func (f *Follower) clockOf(except string) (log, wall time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.beats.clockOf(except)
}
