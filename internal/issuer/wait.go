package issuer

import (
	"context"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

// The values of ?wait=.
const (
	waitCommit    = "commit"
	waitConfirmed = "confirmed" // every live edge holds it, or the timeout
	waitEnforced  = "enforced"  // no edge can accept it any more
)

const (
	defaultWait = 2 * time.Second
	minWait     = time.Millisecond
	// maxWait is above the longest staleness bound with its margin.
	maxWait = 90 * time.Second
	// look is the time between two looks at how long the bound is.
	look = 250 * time.Millisecond
	// usersWaits is how many waits there may be for a user to get one more:
	// users alone cannot use up those of the admins.
	usersWaits = fleet.MaxWaits / 4
)

// A wait is what the caller of a revoking call asked to wait for.
type wait struct {
	issuer  *Issuer
	start   time.Time // of the call
	mode    string
	timeout time.Duration // 0: none was given
	limit   int           // of waits at a time
}

// A waited says what has come of it.
type waited struct {
	Edges edgesConfirmed `json:"edges"`
	// Enforced says that no edge accepts any more what was revoked.
	Enforced bool `json:"enforced"`
}

type edgesConfirmed struct {
	Expected  int `json:"expected"`
	Confirmed int `json:"confirmed"`
	// Missing are the ids of the others. Only admins see them.
	Missing []string `json:"missing,omitzero"`
	// Stateless are the ids of those expected who look at no revocation.
	// Only admins see them.
	Stateless []string `json:"stateless,omitempty"`
}

// waitOf reads ?wait= and ?timeout=.
func (i *Issuer) waitOf(c *fiber.Ctx, limit int) (wait, error) {
	w := wait{issuer: i, start: time.Now(), mode: string([]byte(c.Query("wait", waitCommit))), limit: limit}
	switch w.mode {
	case waitCommit, waitConfirmed, waitEnforced:
	default:
		return w, front.BadRequest("wait must be commit, confirmed or enforced")
	}
	text := c.Query("timeout")
	if text == "" {
		return w, nil
	}
	if w.mode == waitCommit {
		return w, front.BadRequest("timeout goes with wait=confirmed or wait=enforced")
	}
	var err error
	w.timeout, err = time.ParseDuration(text)
	if err != nil || w.timeout < minWait || w.timeout > maxWait {
		return w, front.BadRequest("timeout must be a duration such as 500ms or 2s, from 1ms to 90s")
	}
	return w, nil
}

// await waits as asked, unless something is pending: nobody can say when that
// will take effect. It returns how long the call has taken, in milliseconds.
// When the issuer stops, or too many wait already, it returns at once with what
// it has.
func (w wait) await(receipts ...session.Receipt) (*waited, float64) {
	var out *waited
	if w.mode != waitCommit && statusOf(receipts...) == fiber.StatusOK {
		out = w.confirm(receipts)
	}
	return out, millis(time.Since(w.start))
}

// flushed stands for whatever has been revoked before, of which the store lists
// nothing any more: it is pending until the log has all that the store has.
func (i *Issuer) flushed(ctx context.Context) session.Receipt {
	seq, at, err := i.keeper.Flush(ctx)
	if err != nil {
		i.log.WarnContext(ctx, "cannot tell whether an earlier revocation has reached the log", "error", err)
	}
	return session.Receipt{Committed: err == nil, Seq: seq, At: at}
}

func (w wait) confirm(receipts []session.Receipt) *waited {
	committed := committedAt(receipts)
	ctx, cancel := context.WithTimeout(w.issuer.waits, w.limited())
	defer cancel()
	if w.mode == waitEnforced {
		ctx, cancel = w.issuer.untilSafe(ctx, committed)
		defer cancel()
	}
	if w.mode == waitConfirmed && !slices.ContainsFunc(receipts, func(r session.Receipt) bool { return r.Held.Scope != "" }) {
		cancel() // there is nothing that edges could confirm
	}
	got := w.issuer.ask(ctx, w.limit, receipts)
	if w.mode == waitEnforced && !got.Everywhere && !got.Refused {
		<-ctx.Done()
	}
	out := &waited{Enforced: got.Everywhere || w.issuer.safeIn(committed) <= 0}
	out.Edges = edgesConfirmed{Expected: got.Expected, Confirmed: got.Confirmed}
	if w.limit == fleet.MaxWaits {
		out.Edges.Missing, out.Edges.Stateless = got.Missing, got.Stateless
	}
	return out
}

// limited is how long to wait at most.
func (w wait) limited() time.Duration {
	switch {
	case w.timeout > 0:
		return w.timeout
	case w.mode == waitEnforced:
		return maxWait
	}
	return defaultWait
}

// committedAt is when the last of them was committed: at the start of this call
// if that is not told.
func committedAt(receipts []session.Receipt) time.Time {
	var last time.Time
	for _, r := range receipts {
		if r.At.IsZero() {
			return time.Now()
		}
		if r.At.After(last) {
			last = r.At
		}
	}
	return last
}

// safeIn is how long it will be until no edge accepts any more what was
// committed then, whatever edges say: the longest bound that any of them goes
// by. Time that this machine slept does not count, so it may take longer.
func (i *Issuer) safeIn(committed time.Time) time.Duration {
	return enforcedAfter(i.fleet.Bound()) - time.Since(committed)
}

// untilSafe returns a context that ends with ctx, and as soon as time alone has
// enforced what was committed then. The bound may change meanwhile, when an edge
// is heard that goes by another.
func (i *Issuer) untilSafe(ctx context.Context, committed time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		for left := i.safeIn(committed); left > 0; left = i.safeIn(committed) {
			if !events.Sleep(ctx, min(left, look)) {
				return
			}
		}
	}()
	return ctx, cancel
}

// ask asks the edges about all that was revoked, and whether they have read the log
// up to the last of it.
func (i *Issuer) ask(ctx context.Context, limit int, receipts []session.Receipt) fleet.Confirmation {
	entries, seq := make([]fleet.Entry, 0, len(receipts)), uint64(0)
	for _, r := range receipts {
		if seq = max(seq, r.Seq); r.Held.Scope != "" {
			entries = append(entries, fleet.EntryOf(r.Held))
		}
	}
	return i.fleet.Confirm(ctx, limit, seq, entries...)
}

// enforcedAfter is how long after a commit no edge accepts any more what was
// revoked: the bound, and a hundredth for clocks that do not run alike.
func enforcedAfter(staleness time.Duration) time.Duration { return staleness + staleness/100 }
