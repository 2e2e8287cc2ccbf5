package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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
	p, err := newPuller(l.nc, l.api, l.subjects.Stream(), cons.CachedInfo().Name)
	if err != nil {
		return wrapJetStream("follow", err)
	}
	defer p.close()
	prefix := "$JS.ACK." + l.subjects.Stream() + "." + cons.CachedInfo().Name + "."
	for delivered := uint64(1); ; delivered++ {
		raw, err := p.next(ctx)
		if err != nil {
			return wrapJetStream("follow", err)
		}
		d, err := deliveryOf(raw, prefix)
		if err != nil {
			return err
		}
		if d.consumer != delivered {
			return fmt.Errorf("%w: delivery %d, want %d", ErrGap, d.consumer, delivered)
		}
		if !yield(l.message(raw, d, epoch), nil) {
			return nil
		}
	}
}

// bind checks the cursor and opens a consumer behind it. The epoch is read
// before and after: a consumer does not outlive its stream, so if both agree
// the consumer belongs to that incarnation.
func (l *JetStream) bind(ctx context.Context, after Cursor) (epoch string, cons jetstream.Consumer, err error) {
	ctx, cancel := context.WithTimeout(ctx, bindPatience[l.unbound.Load()%uint64(len(bindPatience))])
	defer cancel()
	if epoch, cons, err = l.bindWithin(ctx, after); err == nil {
		l.unbound.Store(0)
	} else if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		l.unbound.Add(1)
	}
	return epoch, cons, err
}

// bindPatience is how long the first attempt to bind may take, the second and so on.
// After servers have come back some of them do not give consumers for ten seconds, and
// which one is asked is chance: so it is better to ask again soon. Servers that are
// merely slow get their time with every third attempt.
var bindPatience = [...]time.Duration{time.Second, time.Second, 5 * time.Second}

func (l *JetStream) bindWithin(ctx context.Context, after Cursor) (string, jetstream.Consumer, error) {
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
	subject := fmt.Sprintf("%s.CONSUMER.DELETE.%s.%s", l.api, info.Stream, info.Name)
	_ = l.nc.Publish(subject, nil)
}

func (l *JetStream) message(raw *nats.Msg, d delivery, epoch string) Message {
	m := Message{
		Epoch: epoch, Seq: d.stream, Time: d.time, Pending: d.pending, Data: raw.Data,
		Kind: sorted(l.subjects.kind(raw.Subject), raw.Header, raw.Data), StandIn: raw.Subject == l.standIns,
	}
	if ttl := raw.Header.Get(jetstream.MsgTTLHeader); ttl != "" {
		m.TTL, _ = time.ParseDuration(ttl)
	}
	if m.Kind == KindRevocation {
		m.Mark, m.Traceparent = raw.Header.Get(markHeader), traceOf(raw.Header)
	}
	return m
}
