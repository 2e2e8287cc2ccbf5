package fleet

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// MaxWaits bounds the calls of Confirm that wait at a time.
	MaxWaits = 4096
	// maxWaiting bounds the rounds that are still to be asked.
	maxWaiting = 256
	// pace and pacePerEdge are the least time between two rounds: those who
	// come meanwhile share the next.
	pace        = 2 * time.Millisecond
	pacePerEdge = 50 * time.Microsecond
	// proofTimeout bounds one wait for the server.
	proofTimeout = time.Second
	// maxAgain bounds the questions put again to an edge at a time.
	maxAgain = 32
)

// A Confirmation says which edges hold something.
type Confirmation struct {
	Expected, Confirmed int
	Missing             []string // ids, sorted
	// Stateless are the ids, sorted, of those expected who look at no
	// revocation on any path, although they hold them all.
	Stateless []string
	// Everywhere says that all have confirmed, and that no other edge can
	// be fresh: from now on none accepts what was asked about.
	Everywhere bool
	// Refused says that too many wait already: nobody was asked.
	Refused bool
}

// A waiter is one call of Confirm.
type waiter struct {
	parts []*part
	open  int // parts that are not done
	done  chan struct{}
}

// add puts one entry into a round.
func (w *waiter) add(rd *round, e Entry, seq uint64) {
	if n := len(w.parts); n == 0 || w.parts[n-1].round != rd {
		p := &part{round: rd, wait: w, lo: len(rd.Entries)}
		w.parts, w.open, rd.parts = append(w.parts, p), w.open+1, append(rd.parts, p)
	}
	rd.add(e, seq)
	w.parts[len(w.parts)-1].hi = len(rd.Entries)
}

func (w *waiter) partDone() {
	if w.open--; w.open == 0 {
		close(w.done)
	}
}

// Confirm asks every edge whether it has applied the log up to seq and holds
// the entries, and returns when all have confirmed or ctx ends. Edges that have
// been silent for a minute, while this issuer listened, are not expected. Calls
// share questions. At most limit of them, and [MaxWaits], wait at a time; beyond
// that the answer is at once that none has confirmed. Without entries there is
// nothing to ask: none confirms. Run must be running.
func (r *Registry) Confirm(ctx context.Context, limit int, seq uint64, entries ...Entry) Confirmation {
	w := r.join(min(limit, MaxWaits), seq, entries)
	if w == nil {
		return r.unconfirmed()
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	return r.leave(w)
}

// Waits is how many calls of Confirm wait.
func (r *Registry) Waits() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waits
}

// join puts the entries into rounds that are to come.
func (r *Registry) join(limit int, seq uint64, entries []Entry) *waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waits >= limit || len(r.waiting)+len(entries)/maxEntries >= maxWaiting {
		return nil
	}
	r.waits++
	w := &waiter{done: make(chan struct{})}
	for _, e := range entries {
		w.add(r.lastWaiting(), e, seq)
	}
	return w
}

func (r *Registry) lastWaiting() *round {
	if n := len(r.waiting); n > 0 && !r.waiting[n-1].full() {
		return r.waiting[n-1]
	}
	rd := &round{question: question{Nonce: uuid.NewString(), From: publicText(r.key)}}
	r.waiting = append(r.waiting, rd)
	return rd
}

// leave says how far it has got, and withdraws the questions.
func (r *Registry) leave(w *waiter) Confirmation {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits--
	expected, missing, everywhere := map[instance]bool{}, map[instance]bool{}, len(w.parts) > 0
	unasked := func() {
		for _, key := range r.expect(time.Now()) {
			expected[key], missing[key] = true, true
		}
	}
	if !everywhere {
		unasked()
	}
	for _, p := range w.parts {
		if p.round.asked.IsZero() { // too early even for a question
			unasked()
		}
		maps.Copy(expected, p.round.expected)
		for _, key := range p.without() {
			missing[key] = true
		}
		everywhere = everywhere && p.done && p.round.known
		r.withdraw(p)
	}
	return r.confirmation(expected, missing, everywhere)
}

func (r *Registry) confirmation(expected, missing map[instance]bool, everywhere bool) Confirmation {
	stateless := map[instance]bool{}
	for key := range expected {
		if m := r.members[key]; m != nil && m.Mode == modeStateless {
			stateless[key] = true
		}
	}
	return Confirmation{
		Expected: len(expected), Confirmed: len(expected) - len(missing), Everywhere: everywhere,
		Missing: ids(missing), Stateless: ids(stateless),
	}
}

// ids are the names of instances, sorted.
func ids(of map[instance]bool) []string {
	out := make([]string, 0, len(of))
	for key := range of {
		out = append(out, key.id)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *Registry) unconfirmed() Confirmation {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[instance]bool{}
	for _, key := range r.expect(time.Now()) {
		all[key] = true
	}
	c := r.confirmation(all, all, false)
	c.Refused = true
	return c
}

func (r *Registry) withdraw(p *part) {
	rd := p.round
	rd.parts = slices.DeleteFunc(rd.parts, func(other *part) bool { return other == p })
	if len(rd.parts) == 0 {
		delete(r.open, rd.Nonce)
		r.waiting = slices.DeleteFunc(r.waiting, func(other *round) bool { return other == rd })
	}
}

// expect lists the edges that have to confirm.
func (r *Registry) expect(now time.Time) (out []instance) {
	quiet, long := r.quiet(now), max(expectFor, r.safeAfter(now))
	for key, m := range r.members {
		if quiet(m) <= long {
			out = append(out, key)
		}
	}
	return out
}

// askRounds puts one question after the other until ctx ends.
func (r *Registry) askRounds(ctx context.Context) {
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
		for rd := r.next(ctx); rd != nil; rd = r.next(ctx) {
			r.put(rd, r.subjects.Report())
			go r.prove(ctx, rd)
			events.Sleep(ctx, max(pace, time.Duration(rd.edges)*pacePerEdge))
		}
	}
}

// next opens the first round that is waiting, nil if there is none. It waits
// until the edges are known.
func (r *Registry) next(ctx context.Context) *round {
	for {
		r.mu.Lock()
		if early := r.unsettled(time.Now()); early > 0 && ctx.Err() == nil {
			r.mu.Unlock()
			events.Sleep(ctx, early)
			continue
		}
		rd := r.begin(time.Now())
		r.mu.Unlock()
		return rd
	}
}

func (r *Registry) begin(now time.Time) *round {
	for len(r.waiting) > 0 {
		rd := r.waiting[0]
		r.waiting = r.waiting[1:]
		if pos := r.position(); pos.Seq >= rd.Seq {
			rd.Epoch = pos.Epoch
		}
		if rd.begin(r.expect(now), r.complete(now), now) {
			r.open[rd.Nonce] = rd
			return rd
		}
	}
	return nil
}

func (r *Registry) put(rd *round, subject string) {
	if err := r.conn.PublishRequest(subject, r.inbox+"."+rd.Nonce, rd.data); err != nil {
		r.log.Debug("edges not asked", "error", err)
	}
}

// prove waits until all has been taken in that the server had to deliver to us
// before the question: reports of edges that came only just now among it.
func (r *Registry) prove(ctx context.Context, rd *round) {
	for r.isOpen(rd) {
		one, cancel := context.WithTimeout(ctx, proofTimeout)
		err := r.heardAll(one)
		cancel()
		if err == nil {
			r.proved(rd)
			return
		}
		r.log.Debug("no word from the server", "error", err)
		if !events.Sleep(ctx, tick) {
			return
		}
	}
}

// heardAll waits for the server to answer, which comes after all that it had to
// deliver before, and until that has been taken in: the answer does not queue
// behind it.
func (r *Registry) heardAll(ctx context.Context) error {
	if err := r.conn.FlushWithContext(ctx); err != nil {
		return err
	}
	taken := make(chan struct{})
	if err := r.conn.Barrier(func() { close(taken) }); err != nil {
		return err
	}
	select {
	case <-taken:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Registry) isOpen(rd *round) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open[rd.Nonce] == rd
}

func (r *Registry) proved(rd *round) {
	now := time.Now()
	r.mu.Lock()
	late := rd.expect(r.expect(now), now)
	rd.proved, rd.known = true, rd.known && r.complete(now)
	rd.judge()
	r.mu.Unlock()
	for _, key := range late {
		r.put(rd, r.subjects.ReportOf(key.id))
	}
}

// answered takes an answer in. It counts only for the edge that sealed it.
func (r *Registry) answered(msg *nats.Msg) {
	var a answer
	if len(msg.Data) > maxAnswer || json.Unmarshal(msg.Data, &a) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := instance{a.ID, a.Instance}
	rd, m := r.open[a.Nonce], r.members[key]
	if rd == nil || m == nil || !rd.understood(a.Missing) || !sealed(m.secret, msg.Data, msg.Header.Get(sealHeader)) {
		return
	}
	rd.take(key, a.Missing)
}

// unanswered lists what an edge that has just reported should be asked again:
// the question was lost, or the edge has given up on it.
func (r *Registry) unanswered(key instance, now time.Time) (out []*round) {
	for _, rd := range r.open {
		at, silent := rd.silent[key]
		if !silent {
			at = rd.asked
		}
		if _, lacking := rd.lacking[key]; (silent || lacking) && now.Sub(at) >= askAgainAfter && len(out) < maxAgain {
			if silent {
				rd.silent[key] = now
			}
			out = append(out, rd)
		}
	}
	return out
}
