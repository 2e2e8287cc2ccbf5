package commit

import (
	"context"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	sweepEvery = time.Minute
	// standInLife is how long the log keeps a beat of an edge: as long as others. Who
	// was away for less finds what it has read.
	standInLife = 15 * time.Minute
)

// standIns are places of beats by edges in the log, a few for each minute.
type standIns struct {
	mu     sync.Mutex
	places []place
	now    time.Time // by the log's clock
}

type place struct {
	seq uint64
	at  time.Time
}

func (s *standIns) saw(m events.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = m.Time
	if !m.StandIn {
		return
	}
	if n := len(s.places); n > 1 && m.Time.Sub(s.places[n-2].at) < sweepEvery/2 {
		s.places = s.places[:n-1] // the first and the last of half a minute are enough
	}
	s.places = append(s.places, place{m.Seq, m.Time})
}

// old returns the last place that is older than a beat lives, 0 for none, and
// forgets it and those before.
func (s *standIns) old() (seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.places) > 0 && s.now.Sub(s.places[0].at) > standInLife {
		seq, s.places = s.places[0].seq, s.places[1:]
	}
	return seq
}

// sweep removes the beats of edges from the log when they are old: they come there
// without a life. It needs nothing of the log but that it is there: one that is full
// takes no beat of an issuer.
func (k *Keeper) sweep(ctx context.Context) {
	failed := uint64(0)
	for events.Sleep(ctx, sweepEvery) {
		if seq := max(k.committer.standIns.old(), failed); seq > 0 {
			within, cancel := context.WithTimeout(ctx, logTimeout)
			err := k.log.Sweep(within, seq)
			cancel()
			if failed = 0; err != nil {
				failed = seq
				k.slog.Warn("the log keeps old beats of edges: may this issuer purge the stream?", "error", err)
			}
		}
	}
}
