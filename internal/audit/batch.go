package audit

import (
	"context"
	"encoding/json"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/session"
)

// maxBatch bounds the events that are on their way at a time. One at a time,
// the time that the stream takes to acknowledge, some milliseconds where it
// writes to the disks of three servers, would bound how many there can be.
const maxBatch = 64

// waiting takes what waits behind e.
func (t *Trail) waiting(e session.Event) []session.Event {
	batch := []session.Event{e}
	for len(batch) < maxBatch {
		select {
		case next := <-t.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// deliverAll delivers the first event of a batch, so that the stream is there,
// then sends the others at once, and what was not acknowledged of them one by
// one. It returns how many it has not tried before ctx ended.
func (t *Trail) deliverAll(ctx context.Context, batch []session.Event) (left int) {
	t.deliver(ctx, batch[0])
	others := batch[1:]
	taken := t.send(ctx, others)
	for n, e := range others {
		switch {
		case taken[n]:
			t.delivered()
		case ctx.Err() != nil:
			left++
		default:
			t.deliver(ctx, e)
		}
	}
	return left
}

// send reports which of the events the stream has acknowledged. After the first
// that cannot be sent it sends no more.
func (t *Trail) send(ctx context.Context, batch []session.Event) []bool {
	taken := make([]bool, len(batch))
	ctx, cancel := context.WithTimeout(ctx, oneTimeout)
	defer cancel()
	var sent []jetstream.PubAckFuture
	for _, e := range batch {
		data, err := json.Marshal(e)
		if err != nil {
			break
		}
		ack, err := t.js.PublishAsync(t.subjects.Session(e.Kind), data,
			jetstream.WithMsgID(e.ID), jetstream.WithExpectStream(t.subjects.AuditStream()))
		if err != nil {
			break
		}
		sent = append(sent, ack)
	}
	for n, ack := range sent {
		select {
		case <-ack.Ok():
			taken[n] = true
		case <-ack.Err():
		case <-ctx.Done():
		}
	}
	return taken
}
