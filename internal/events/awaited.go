package events

import (
	"context"
	"fmt"
	"slices"
)

// awaited are revocations that their issuer has appended and waits to read. It is
// guarded by the follower's lock; the zero value is ready to use.
type awaited struct{ waits []*await }

// An await is for the message with the hash at seq.
type await struct {
	seq, hash uint64
	there     chan struct{} // closed once it has been read
	doubted   bool          // something else has been read there
}

// HasRead waits until the follower has read the very revocation r at seq. An
// acknowledgement alone does not show that it is there: the log may have lost what
// it had acknowledged before anybody read it. Another message in its place makes
// the follower verify, which brings another reading of the log or none; the error
// comes when ctx ends.
func (f *Follower) HasRead(ctx context.Context, seq uint64, r Revocation) error {
	data, err := r.Encode()
	if err != nil {
		return err
	}
	w := &await{seq: seq, hash: hashOf(seq, data), there: make(chan struct{})}
	f.mu.Lock()
	if f.census.has(w.seq, w.hash) {
		f.mu.Unlock()
		return nil
	}
	f.awaited.waits = append(f.awaited.waits, w)
	if f.awaited.passed(f.pos.Seq) && f.interrupt != nil {
		f.interrupt(errInterrupted)
	}
	f.mu.Unlock()
	select {
	case <-w.there:
		return nil
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited.waits = slices.DeleteFunc(f.awaited.waits, func(other *await) bool { return other == w })
	return fmt.Errorf("events: what was appended at %d has not been read there: %w", seq, ctx.Err())
}

// read ends the wait for a message.
func (a *awaited) read(m Message) {
	if len(a.waits) == 0 || m.Kind != KindRevocation {
		return
	}
	a.waits = slices.DeleteFunc(a.waits, func(w *await) bool {
		there := w.seq == m.Seq && w.hash == hashOf(m.Seq, m.Data)
		if there {
			close(w.there)
		}
		return there
	})
}

// passed reports whether the log has been read beyond something that was not
// there, which had not been noticed before.
func (a *awaited) passed(seq uint64) (anew bool) {
	for _, w := range a.waits {
		if w.seq <= seq && !w.doubted {
			w.doubted, anew = true, true
		}
	}
	return anew
}
