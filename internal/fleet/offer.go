package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// offerers is the queue group of those who are asked one at a time.
	offerers = "curfew"
	// offerTimeout bounds all questions of one collection.
	offerTimeout = 5 * time.Second
	// offerPatience is how long one edge may take.
	offerPatience = time.Second
	// offerQuiet is how long the last of many may take after the one before.
	offerQuiet = 250 * time.Millisecond
	// largeOffer and smallOffer bound an answer, in bytes: of one who is
	// asked alone, and of one of many.
	largeOffer, smallOffer = 256 << 10, 32 << 10
	// maxKnown bounds what one question lists.
	maxKnown = 32 << 10
	// maxWant bounds a question on the wire, and maxOffer an answer, in bytes.
	maxWant, maxOffer = 1 << 20, 1 << 20
)

// A want is: which revocations do you hold whose fingerprint is from Low to High,
// but for those listed?
type want struct {
	Low   uint64   `json:"low"`
	High  uint64   `json:"high"`
	Known []uint64 `json:"known,omitempty"`
	Size  int      `json:"size"` // of the answer, at most, in bytes
}

func (w want) known() map[uint64]bool {
	known := make(map[uint64]bool, len(w.Known))
	for _, name := range w.Known {
		known[name] = true
	}
	return known
}

// An offer answers a want.
type offer struct {
	Entries []signed `json:"entries"`
	More    bool     `json:"more,omitempty"`
}

// serveOffers answers issuers until the subscriptions end. Others may hear it too:
// it says nothing that the log does not.
func (r *Reporter) serveOffers() (stop func()) {
	subjects := events.Subjects{Region: r.Region}
	one, err := r.Conn.QueueSubscribe(subjects.Offer(), offerers, r.offer)
	all, allErr := r.Conn.Subscribe(subjects.OfferAll(), r.offer)
	if err = cmp.Or(err, allErr); err != nil {
		r.Log.Warn("this edge offers nothing to the issuers", "error", err)
	}
	return func() {
		for _, sub := range []*nats.Subscription{one, all} {
			if sub != nil {
				_ = sub.Unsubscribe()
			}
		}
	}
}

func (r *Reporter) offer(msg *nats.Msg) {
	var w want
	if !events.Answerable(msg) || len(msg.Data) > maxWant || json.Unmarshal(msg.Data, &w) != nil {
		r.Log.Debug("question for revocations ignored")
		return
	}
	var o offer
	o.Entries, o.More = r.Reserve.offer(w, min(w.Size, largeOffer))
	data, err := json.Marshal(o)
	if err == nil {
		err = msg.Respond(data)
	}
	if err != nil {
		r.Log.Debug("revocations not offered", "error", err)
	}
}

// Offers are the revocations that edges hold and the caller does not: known are
// the fingerprints of those it has. Edges are not trusted: an entry counts only if
// authentic says that an issuer has marked it. First one edge after the other is
// asked, until one has nothing to add, and then all at once, until none has. With
// no edge there it takes no time, else a quarter of a second and more.
func (r *Registry) Offers(ctx context.Context, known []uint64, authentic func(data []byte, mark string) bool) iter.Seq[events.Revocation] {
	return func(yield func(events.Revocation) bool) {
		ctx, cancel := context.WithTimeout(ctx, offerTimeout)
		defer cancel()
		c := collection{registry: r, authentic: authentic, known: map[uint64]bool{}, yield: yield}
		for _, name := range known {
			c.known[name] = true
		}
		err := c.run(ctx, r.subjects.Offer(), largeOffer, c.one)
		if err == nil {
			err = c.run(ctx, r.subjects.OfferAll(), smallOffer, c.many)
		}
		switch {
		case err == nil, errors.Is(err, nats.ErrNoResponders), errors.Is(err, errEnough):
		default:
			r.log.Warn("edges may hold revocations that they could not offer", "error", err)
		}
		if c.forged > 0 {
			r.log.Warn("edges offered revocations that no issuer has marked", "count", c.forged)
		}
	}
}

// errEnough: the caller wants no more.
var errEnough = errors.New("fleet: enough")

// A collection is one call of Offers.
type collection struct {
	registry  *Registry
	authentic func(data []byte, mark string) bool
	known     map[uint64]bool
	yield     func(events.Revocation) bool
	forged    int
}

// run puts the question until the answers bring nothing new.
func (c *collection) run(ctx context.Context, subject string, size int, ask func(context.Context, string, []byte) (int, error)) error {
	for news := 1; news > 0; {
		news = 0
		for _, w := range wants(slices.Sorted(maps.Keys(c.known)), size) {
			data, err := json.Marshal(w)
			if err != nil {
				return err
			}
			n, err := ask(ctx, subject, data)
			if err != nil {
				return err
			}
			news += n
		}
	}
	return nil
}

// wants are the questions that cover all fingerprints.
func wants(known []uint64, size int) (out []want) {
	w := want{Size: size}
	for part := range slices.Chunk(known, maxKnown) {
		w.Known, w.High = part, part[len(part)-1]
		out = append(out, w)
		w.Low = w.High + 1 // or 0, if there is nothing behind it
	}
	if last := len(out) - 1; last >= 0 {
		out[last].High = math.MaxUint64
		return out
	}
	w.High = math.MaxUint64
	return append(out, w)
}

func (c *collection) one(ctx context.Context, subject string, data []byte) (news int, err error) {
	soon, cancel := context.WithTimeout(ctx, offerPatience)
	defer cancel()
	msg, err := c.registry.conn.RequestWithContext(soon, subject, data)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return 0, ctx.Err() // it is stuck; all are asked next
	case err != nil:
		return 0, err
	}
	return c.take(msg)
}

func (c *collection) many(ctx context.Context, subject string, data []byte) (news int, err error) {
	conn := c.registry.conn
	inbox := conn.NewRespInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		return 0, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := conn.PublishRequest(subject, inbox, data); err != nil {
		return 0, err
	}
	for err == nil {
		var msg *nats.Msg
		quiet, cancel := context.WithTimeout(ctx, offerQuiet)
		msg, err = sub.NextMsgWithContext(quiet)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return news, ctx.Err()
		}
		if err == nil {
			var n int
			n, err = c.take(msg)
			news += n
		}
	}
	return news, err
}

// take hands on what is new in an answer, and counts it.
func (c *collection) take(msg *nats.Msg) (news int, err error) {
	var o offer
	if len(msg.Data) > maxOffer || json.Unmarshal(msg.Data, &o) != nil {
		c.forged++
		return 0, nil
	}
	for _, s := range o.Entries {
		rev, err := events.DecodeRevocation(s.Data)
		switch {
		case err != nil, !c.authentic(s.Data, s.Mark):
			c.forged++
		case !c.known[rev.Fingerprint()]:
			c.known[rev.Fingerprint()] = true
			news++
			if !c.yield(rev) {
				return news, errEnough
			}
		}
	}
	return news, nil
}
