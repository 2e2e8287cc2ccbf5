package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	tailAhead     = 64              // messages asked for ahead of the reader
	tailHeartbeat = 2 * time.Second // missed twice: the tail ends
)

// Why a tail could not begin where it was asked to.
const (
	GapExpired    = "expired"     // events between have left the trail
	GapRecreated  = "recreated"   // the stream was made anew: all of it follows
	GapRolledBack = "rolled_back" // the stream has lost its end: what comes follows
)

// A Tail reads on as events come. It is for one goroutine. It asks the server
// for a few messages at a time, so that a reader that is slow costs nobody
// anything.
type Tail struct {
	// Gap is one of the words above, or empty.
	Gap string

	reader   *Reader
	filter   Filter
	position Position
	cons     jetstream.Consumer
	msgs     jetstream.MessagesContext
	items    chan item
	stop     context.CancelFunc
}

// An item is one message of the stream, or why there are no more.
type item struct {
	rec    Record
	wanted bool
	err    error
}

// Tail opens a tail of what comes after a position; the zero one is the end of
// the trail, now. It ends with Close.
func (r *Reader) Tail(ctx context.Context, after Position, f Filter) (*Tail, error) {
	stream, info, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	t := &Tail{reader: r, filter: f, items: make(chan item)}
	t.position, t.Gap = start(info, after)
	t.cons, err = r.consume(ctx, stream, t.position.epoch, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: t.position.seq + 1,
	}, f)
	if err != nil {
		return nil, err
	}
	t.msgs, err = t.cons.Messages(jetstream.PullMaxMessages(tailAhead),
		jetstream.PullHeartbeat(tailHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		r.drop(t.cons)
		return nil, unavailable(err)
	}
	ctx, t.stop = context.WithCancel(context.WithoutCancel(ctx))
	go t.pump(ctx, t.position.epoch)
	return t, nil
}

// start is where to read on, and what is missing before that.
func start(info *jetstream.StreamInfo, after Position) (from Position, gap string) {
	epoch, s := epochOf(info), info.State
	switch {
	case after == Position{}:
		return Position{epoch, s.LastSeq}, ""
	case after.epoch != epoch:
		return Position{epoch, 0}, GapRecreated
	case after.seq > s.LastSeq:
		return Position{epoch, s.LastSeq}, GapRolledBack
	case after.seq+1 < s.FirstSeq:
		return after, GapExpired
	}
	return after, ""
}

// pump reads without a deadline: the client library notices a lost stream only
// in a call that waits for longer than its heartbeats.
func (t *Tail) pump(ctx context.Context, epoch string) {
	for delivery := uint64(1); ; delivery++ {
		next := t.read(ctx, epoch, delivery)
		select {
		case t.items <- next:
		case <-ctx.Done():
			return
		}
		if next.err != nil {
			return
		}
	}
}

func (t *Tail) read(ctx context.Context, epoch string, delivery uint64) item {
	raw, err := t.msgs.Next(jetstream.NextContext(ctx))
	if err != nil {
		return item{err: unavailable(err)}
	}
	rec, meta, readable, err := t.reader.decode(epoch, raw)
	if err == nil && meta.Sequence.Consumer != delivery {
		err = unavailable(fmt.Errorf("delivery %d, want %d", meta.Sequence.Consumer, delivery))
	}
	return item{rec, readable && t.filter.Matches(rec.Event), err}
}

// Next waits for the next event that is wanted. It returns the context's error
// when that ends, after which the tail can still be read; any other error is
// the tail's end.
func (t *Tail) Next(ctx context.Context) (Record, error) {
	for {
		if err := ctx.Err(); err != nil { // unwanted events may come without end
			return Record{}, err
		}
		select {
		case next := <-t.items:
			if next.err != nil {
				return Record{}, next.err
			}
			if t.position = next.rec.Position; next.wanted {
				return next.rec, nil
			}
		case <-ctx.Done():
		}
	}
}

// Position is how far the tail has been read.
func (t *Tail) Position() Position { return t.position }

// Close ends the tail.
func (t *Tail) Close() {
	t.stop()
	t.msgs.Stop()
	t.reader.drop(t.cons)
}
