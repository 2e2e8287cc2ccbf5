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
	// offerPatience is how long one edge may take, and manyPatience all of them
	// together, for one question.
	offerPatience, manyPatience = time.Second, 3 * time.Second
	// offerQuiet is how long the next of many may take after the one before.
	offerQuiet = 400 * time.Millisecond
	// maxAsked bounds how often one edge at a time is asked, before all are.
	maxAsked = 256
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
	data, err := json.Marshal(offer{r.Reserve.offer(w, min(w.Size, largeOffer))})
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
// asked, until one has nothing to add, and then all at once, until none has. It waits
// for edges for the time of patience in all; what the caller does with an entry does
// not count. With no edge there it takes no time, else half a second and more.
func (r *Registry) Offers(ctx context.Context, known []uint64, authentic func(data []byte, mark string) bool, patience time.Duration) iter.Seq[events.Revocation] {
	return func(yield func(events.Revocation) bool) {
		c := collection{registry: r, authentic: authentic, known: map[uint64]bool{}, yield: yield, left: patience / 2}
		for _, name := range known {
			c.known[name] = true
		}
		err := c.run(ctx, r.subjects.Offer(), largeOffer, c.one)
		if !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, errEnough) {
			c.left = max(c.left, 0) + patience/2 // whatever one of them has made of its time
			err = c.run(ctx, r.subjects.OfferAll(), smallOffer, c.many)
		}
		switch {
		case err == nil, errors.Is(err, nats.ErrNoResponders), errors.Is(err, errEnough):
		default:
			r.log.Warn("edges may hold revocations that they have not offered yet", "error", err)
		}
		if c.forged > 0 {
			r.log.Warn("edges offered revocations that no issuer has marked", "count", c.forged)
		}
	}
}

var (
	// errEnough: the caller wants no more.
	errEnough = errors.New("fleet: enough")
	// errImpatient: the time is up.
	errImpatient = errors.New("fleet: edges took too long")
)

// A collection is one call of Offers.
type collection struct {
	registry  *Registry
	authentic func(data []byte, mark string) bool
	known     map[uint64]bool
	yield     func(events.Revocation) bool
	left      time.Duration // to wait for edges
	asked     int           // questions to one edge
	forged    int
}

// waiting bounds one wait for edges; done must be called at its end.
func (c *collection) waiting(ctx context.Context, most time.Duration) (_ context.Context, done func()) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, min(most, c.left))
	return ctx, func() {
		cancel()
		c.left -= time.Since(began)
	}
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
			if c.left <= 0 {
				return errImpatient
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
	if c.asked++; c.asked > maxAsked {
		return 0, nil
	}
	soon, done := c.waiting(ctx, offerPatience)
	msg, err := c.registry.conn.RequestWithContext(soon, subject, data)
	done()
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
	for until := c.left - manyPatience; err == nil && c.left > max(until, 0); {
		var msg *nats.Msg
		quiet, done := c.waiting(ctx, offerQuiet)
		msg, err = sub.NextMsgWithContext(quiet)
		done()
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
