package audit

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	firstWindow = 1024 // sequences; the next ones adapt to what they hold
	fullWindow  = 4096 // events in a window, above which it is cut
	searchBatch = 512  // messages fetched at once
)

// step looks at one window, or finds that it holds too much and narrows it.
func (s *search) step(ctx context.Context) error {
	s.windows--
	from := s.low
	if s.high-s.low >= s.width {
		from = s.high - s.width + 1
	}
	cons, err := s.reader.consume(ctx, s.stream, s.epoch, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	}, s.query.Filter)
	if err != nil {
		return err
	}
	defer s.reader.drop(cons)
	pending := cons.CachedInfo().NumPending
	holds := s.high - from + 1
	if s.looked {
		holds = min(holds, pending-min(pending, s.beyond))
	}
	if holds > fullWindow && s.width > firstWindow {
		s.width /= 4
		return nil
	}
	if err := s.read(ctx, cons); err != nil {
		return err
	}
	if s.beyond, s.looked = pending, true; holds < fullWindow/4 {
		s.width *= 4
	}
	s.high = from - 1
	return nil
}

// read takes the newest matches of a window, which ends at high.
func (s *search) read(ctx context.Context, cons jetstream.Consumer) error {
	want := s.query.Limit - len(s.found)
	var matches []Record // in the stream's order
	err := s.each(ctx, cons, searchBatch, func(rec Record, readable bool) bool {
		if rec.Position.seq > s.high {
			return false
		}
		s.budget--
		if readable && s.query.Matches(rec.Event) {
			matches = append(matches, rec)
		}
		if len(matches) == 2*want {
			matches = append(matches[:0], matches[want:]...)
		}
		return true
	})
	if err != nil {
		return err
	}
	matches = matches[max(0, len(matches)-want):]
	slices.Reverse(matches)
	s.found = append(s.found, matches...)
	return nil
}

// each gives what the consumer has, until take has enough. Batches that come
// short or with a gap are an error: nothing may be missing in silence.
func (s *search) each(ctx context.Context, cons jetstream.Consumer, size int, take func(rec Record, readable bool) bool) error {
	pending, delivered := cons.CachedInfo().NumPending, uint64(0)
	for pending > 0 {
		batch, err := cons.FetchNoWait(size)
		if err != nil {
			return unavailable(err)
		}
		before := delivered
		for raw := range batch.Messages() {
			rec, meta, readable, err := s.reader.decode(s.epoch, raw)
			if err != nil {
				return err
			}
			if delivered++; meta.Sequence.Consumer != delivered {
				return unavailable(errors.New("a message was lost on its way"))
			}
			if pending = meta.NumPending; !take(rec, readable) {
				return nil
			}
		}
		if err := cmp.Or(batch.Error(), ctx.Err()); err != nil {
			return unavailable(err)
		}
		if delivered == before { // what was pending may have expired
			return arrived(ctx, cons)
		}
	}
	return nil
}

// arrived returns nil if the consumer has nothing left.
func arrived(ctx context.Context, cons jetstream.Consumer) error {
	info, err := cons.Info(ctx)
	if err == nil && info.NumPending > 0 {
		err = errors.New("messages do not arrive")
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}
