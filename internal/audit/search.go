package audit

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	searchBudget  = 20_000 // events that one search looks at, about
	searchWindows = 40     // parts of the stream that it looks at
	searchTime    = 5 * time.Second
)

// ErrRecreated: the position is of a stream that has been made anew since.
var ErrRecreated = errors.New("audit: the trail was made anew")

// A Query says which events to search for. From and To are about RecordedAt:
// the stream knows no other order.
type Query struct {
	Filter
	From, To time.Time // from From on, and before To; zero: no bound
	Before   Position  // only events before this one; zero: all
	Limit    int       // of events; positive
}

// A Page is one answer to a search, newest first.
type Page struct {
	Events []Record `json:"events"`
	// Next is where to go on, as the next query's Before; zero when all has
	// been searched. A page may be short, even empty, and have a Next: one
	// search looks at so many events and no more.
	Next Position `json:"next,omitzero"`
	// End is the end of the trail as it was, for a tail that follows.
	End Position `json:"end"`
}

// Search looks backwards from the end of the trail, or from q.Before. Errors:
// ErrRecreated, ErrUnavailable.
func (r *Reader) Search(ctx context.Context, q Query) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	s, err := r.newSearch(ctx, q)
	if err != nil {
		return Page{}, err
	}
	for s.more() {
		if err := s.step(ctx); err != nil {
			if ctx.Err() != nil && s.looked { // some of it is better than nothing
				break
			}
			return Page{}, err
		}
	}
	return s.page(), nil
}

// A search goes through the stream from high down to low, window by window. A
// window is read forwards, because the stream can only be read so.
type search struct {
	query     Query
	reader    *Reader
	stream    jetstream.Stream
	epoch     string
	end       Position
	low, high uint64 // sequences still to be searched; done when low > high
	width     uint64 // of the next window
	budget    int
	windows   int
	beyond    uint64 // events of the kinds wanted above high, once looked
	looked    bool
	found     []Record
}

func (r *Reader) newSearch(ctx context.Context, q Query) (*search, error) {
	stream, info, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	s := &search{
		query: q, reader: r, stream: stream, epoch: epochOf(info), low: info.State.FirstSeq, high: info.State.LastSeq,
		width: firstWindow, budget: searchBudget, windows: searchWindows,
	}
	s.end = Position{s.epoch, s.high}
	if q.Before != (Position{}) {
		if q.Before.epoch != s.epoch {
			return nil, ErrRecreated
		}
		s.high = min(s.high, max(q.Before.seq, 1)-1)
	}
	return s, s.bound(ctx)
}

// bound narrows the search to the times asked for.
func (s *search) bound(ctx context.Context) error {
	if !s.query.From.IsZero() {
		seq, err := s.firstSince(ctx, s.query.From)
		if err != nil {
			return err
		}
		s.low = max(s.low, seq)
	}
	if !s.query.To.IsZero() {
		seq, err := s.firstSince(ctx, s.query.To)
		if err != nil {
			return err
		}
		s.high = min(s.high, seq-1)
	}
	return nil
}

// firstSince is the sequence of the first event recorded at a time or after;
// if there is none, one that is above all.
func (s *search) firstSince(ctx context.Context, at time.Time) (uint64, error) {
	cons, err := s.reader.consume(ctx, s.stream, s.epoch, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &at,
	}, Filter{})
	if err != nil {
		return 0, err
	}
	defer s.reader.drop(cons)
	seq := s.end.seq + 1
	err = s.each(ctx, cons, 1, func(rec Record, _ bool) bool { seq = rec.Position.seq; return false })
	return seq, err
}

func (s *search) more() bool {
	return s.low <= s.high && len(s.found) < s.query.Limit && s.budget > 0 && s.windows > 0
}

func (s *search) page() Page {
	p := Page{Events: s.found, End: s.end}
	switch {
	case len(s.found) == s.query.Limit:
		p.Next = s.found[len(s.found)-1].Position
	case s.low <= s.high:
		p.Next = Position{s.epoch, s.high + 1}
	}
	return p
}
