package fleet

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// patience is how long an edge that is behind keeps a question. It is
	// asked again whenever it reports.
	patience = 2 * interval
	// maxKept bounds the questions that an edge keeps.
	maxKept = 64
)

// question answers an issuer, or has a report sent soon if it wants no more.
func (r *Reporter) question(ctx context.Context, msg *nats.Msg) {
	if len(msg.Data) == 0 {
		r.reportSoon()
		return
	}
	q, err := decodeQuestion(msg.Data)
	if err != nil {
		r.Log.Debug("question ignored", "error", err)
		return
	}
	if pos, _ := r.Watch(); q.reached(pos) {
		if missing := q.missing(r.Holds); len(missing) == 0 {
			r.answer(msg, q, nil)
			return
		}
	}
	select {
	case r.kept <- struct{}{}:
		go func() {
			defer func() { <-r.kept }()
			r.keep(ctx, msg, q)
		}()
	default:
		r.Log.Debug("question dropped: too many are kept")
	}
}

// keep answers once the log has been applied so far, and again when that
// brought more of what was asked about.
func (r *Reporter) keep(ctx context.Context, msg *nats.Msg, q question) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for left := len(q.Entries) + 1; left > 0; {
		pos, moved := r.Watch()
		if q.reached(pos) {
			if missing := q.missing(r.Holds); len(missing) < left {
				left = len(missing)
				r.answer(msg, q, missing)
				continue
			}
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Reporter) answer(msg *nats.Msg, q question, missing []int) {
	data, err := json.Marshal(answer{Nonce: q.Nonce, ID: r.ID, Instance: r.Instance, Missing: missing})
	if err == nil {
		err = r.Conn.Publish(msg.Reply, data)
	}
	if err != nil {
		r.Log.Debug("question not answered", "error", err)
	}
}

// reportSoon waits a little at random: whoever asks, asks all.
func (r *Reporter) reportSoon() {
	time.AfterFunc(rand.N(spread), func() {
		select {
		case r.asked <- struct{}{}:
		default:
		}
	})
}
