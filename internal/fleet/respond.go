package fleet

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// patience is how long an edge that is behind keeps a question. It is
	// asked again whenever it reports.
	patience = 2 * interval
	// maxKept bounds the questions that an edge keeps.
	maxKept = 64
	// maxSecrets bounds the issuers that an edge knows at a time.
	maxSecrets = 64
)

// question answers an issuer, or has a report sent soon if it wants no more.
func (r *Reporter) question(ctx context.Context, msg *nats.Msg) {
	if len(msg.Data) == 0 {
		r.reportSoon()
		return
	}
	q, err := decodeQuestion(msg.Data)
	if err == nil && !events.Answerable(msg) {
		err = errBadQuestion
	}
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
	data, err := json.Marshal(answer{Nonce: q.Nonce, ID: r.ID, Instance: r.Life.Instance(), Missing: missing})
	if err == nil {
		reply := nats.NewMsg(msg.Reply)
		reply.Data = data
		reply.Header.Set(sealHeader, seal(r.secret(q.From), data))
		err = r.Conn.PublishMsg(reply)
	}
	if err != nil {
		r.Log.Debug("question not answered", "error", err)
	}
}

// secret is what the edge shares with the issuer of that public key.
func (r *Reporter) secret(issuer string) []byte {
	r.secretsMu.Lock()
	defer r.secretsMu.Unlock()
	secret, known := r.secrets[issuer]
	if !known {
		if len(r.secrets) >= maxSecrets || r.secrets == nil {
			r.secrets = map[string][]byte{}
		}
		secret = shared(r.Life.key, issuer)
		r.secrets[issuer] = secret
	}
	return secret
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
