package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	followHeartbeat = time.Second      // missed twice: the follow ends
	followBatch     = 2048             // messages asked for ahead
	followIdle      = 30 * time.Second // the server then drops an abandoned consumer
)

// Follow implements Log with an ordered consumer of its own making. The
// client library's one heals itself behind the caller's back, and over a
// recreated stream it resumes at its old sequence and skips what is below.
// This one ends at the first irregularity, and the next Follow has to show
// that the log is still the same before it resumes.
func (l *JetStream) Follow(ctx context.Context, after Cursor) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if err := l.follow(ctx, after, yield); err != nil {
			yield(Message{}, err)
		}
	}
}

func (l *JetStream) follow(ctx context.Context, after Cursor, yield func(Message, error) bool) error {
	epoch, cons, err := l.bind(ctx, after)
	if err != nil {
		return err
	}
	defer l.unbind(cons)
	msgs, err := cons.Messages(
		jetstream.PullMaxMessages(followBatch),
		jetstream.PullHeartbeat(followHeartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return wrapJetStream("follow", err)
	}
	defer msgs.Stop()
	for delivered := uint64(1); ; delivered++ {
		raw, err := msgs.Next(jetstream.NextContext(ctx))
		if err != nil {
			return wrapJetStream("follow", err)
		}
		m, n, err := l.decode(raw)
		if err != nil {
			return err
		}
		if n != delivered {
			return fmt.Errorf("%w: delivery %d, want %d", ErrGap, n, delivered)
		}
		m.Epoch = epoch
		if !yield(m, nil) {
			return nil
		}
	}
}

// bind checks the cursor and opens a consumer behind it. The epoch is read
// before and after: a consumer does not outlive its stream, so if both agree
// the consumer belongs to that incarnation.
func (l *JetStream) bind(ctx context.Context, after Cursor) (string, jetstream.Consumer, error) {
	stream, err := l.js.Stream(ctx, l.subjects.Stream())
	if err != nil {
		return "", nil, wrapJetStream("follow", err)
	}
	epoch := epochOf(stream.CachedInfo())
	if err := verify(ctx, stream, epoch, after); err != nil {
		return "", nil, err
	}
	cons, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after.Seq + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: followIdle,
	})
	if err != nil {
		return "", nil, wrapJetStream("follow", err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		l.unbind(cons)
		return "", nil, wrapJetStream("follow", err)
	}
	if now := epochOf(info); now != epoch {
		l.unbind(cons)
		return "", nil, fmt.Errorf("%w: epoch %s became %s", ErrDiverged, epoch, now)
	}
	return epoch, cons, nil
}

// verify returns ErrDiverged unless the message under the cursor is still the
// one that was applied.
func verify(ctx context.Context, stream jetstream.Stream, epoch string, after Cursor) error {
	if after == (Cursor{}) {
		return nil
	}
	if after.Epoch != epoch {
		return fmt.Errorf("%w: epoch %s, want %s", ErrDiverged, epoch, after.Epoch)
	}
	m, err := stream.GetMsg(ctx, after.Seq)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return fmt.Errorf("%w: message %d is gone", ErrDiverged, after.Seq)
	case err != nil:
		return wrapJetStream("follow", err)
	case !m.Time.Equal(after.Time):
		return fmt.Errorf("%w: message %d is another", ErrDiverged, after.Seq)
	}
	return nil
}

// unbind removes the consumer without waiting for anything that is stuck; the
// server drops it by itself after followIdle.
func (l *JetStream) unbind(cons jetstream.Consumer) {
	info := cons.CachedInfo()
	if !l.nc.IsConnected() {
		return
	}
	subject := fmt.Sprintf("$JS.API.CONSUMER.DELETE.%s.%s", info.Stream, info.Name)
	_ = l.nc.Publish(subject, nil)
}

func (l *JetStream) decode(raw jetstream.Msg) (m Message, delivery uint64, err error) {
	meta, err := raw.Metadata()
	if err != nil {
		return Message{}, 0, fmt.Errorf("events: follow: %w: %w", ErrGap, err)
	}
	m = Message{
		Seq:     meta.Sequence.Stream,
		Time:    meta.Timestamp,
		Pending: meta.NumPending,
		Kind:    l.subjects.kind(raw.Subject()),
		Data:    raw.Data(),
	}
	if ttl := raw.Headers().Get(jetstream.MsgTTLHeader); ttl != "" {
		m.TTL, _ = time.ParseDuration(ttl)
	}
	return m, meta.Sequence.Consumer, nil
}
