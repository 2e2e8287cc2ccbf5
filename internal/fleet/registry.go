package fleet

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// maxMembers bounds a registry. Beyond it the longest silent is dropped.
	maxMembers = 20_000
	// tick is the time between two looks at the issuer's own position.
	tick = 250 * time.Millisecond
)

// A Registry knows the edges that report. Its zero value is not usable; see
// [NewRegistry].
type Registry struct {
	conn     *nats.Conn
	subjects events.Subjects
	position func() events.Position
	// safeAfter is the silence after which an edge cannot be fresh any more.
	safeAfter time.Duration
	log       *slog.Logger

	inbox string
	wake  chan struct{} // of capacity 1: rounds are waiting

	mu      sync.Mutex
	members map[instance]*member
	trace   trace
	ignored uint64
	hearing hearing
	waiting []*round // not yet asked
	open    map[string]*round
	waits   int
}

// NewRegistry makes a registry of the edges of one region, whose staleness
// bound is given. Position tells how far the issuer itself has read the log.
func NewRegistry(conn *nats.Conn, region string, staleness time.Duration, position func() events.Position, log *slog.Logger) *Registry {
	return &Registry{
		conn: conn, inbox: nats.NewInbox(), subjects: events.Subjects{Region: region}, position: position,
		safeAfter: staleness + goneAfter, log: log, members: map[instance]*member{},
		wake: make(chan struct{}, 1), open: map[string]*round{},
	}
}

// Run listens until ctx ends. At its start, and whenever the connection comes
// back, it asks every edge for a report.
func (r *Registry) Run(ctx context.Context) {
	reports, err := r.conn.Subscribe(r.subjects.Edge("*"), r.receive)
	if err != nil {
		r.log.Error("edges cannot be heard", "error", err)
		return
	}
	defer func() { _ = reports.Unsubscribe() }()
	answers, err := r.conn.Subscribe(r.inbox+".*", r.answered)
	if err != nil {
		r.log.Error("edges cannot be heard", "error", err)
		return
	}
	defer func() { _ = answers.Unsubscribe() }()
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { r.askRounds(ctx) })
	r.listen(ctx, reports)
}

func (r *Registry) listen(ctx context.Context, reports *nats.Subscription) {
	back := events.Reconnects(r.conn)
	r.ask()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.turn(time.Now())
			r.mindLosses(reports)
		case <-back:
			r.ask()
		case <-ctx.Done():
			return
		}
	}
}

// ask has every edge report, and answer what it has not answered yet.
func (r *Registry) ask() {
	r.mu.Lock()
	r.hearing = hearing{since: time.Now(), connection: r.conn.Stats().Reconnects, lost: r.hearing.lost}
	open := slices.Collect(maps.Values(r.open))
	r.mu.Unlock()
	for _, rd := range open {
		r.put(rd, r.subjects.Report())
	}
	if err := r.conn.Publish(r.subjects.Report(), nil); err != nil {
		r.log.Debug("edges not asked to report", "error", err)
	}
}

// receive takes one report in.
func (r *Registry) receive(msg *nats.Msg) {
	m, err := decode(strings.TrimPrefix(msg.Subject, r.subjects.Edge("")), msg.Data)
	r.mu.Lock()
	if err != nil {
		r.ignored++
		r.mu.Unlock()
		r.log.Debug("report ignored", "error", err)
		return
	}
	r.take(m, time.Now())
	again := r.unanswered(instance{m.ID, m.Instance}, time.Now())
	r.mu.Unlock()
	for _, rd := range again {
		r.put(rd, r.subjects.ReportOf(m.ID))
	}
}

func (r *Registry) take(m message, now time.Time) {
	key := instance{m.ID, m.Instance}
	if m.Leaving {
		r.drop(key)
		return
	}
	known := r.members[key]
	if known == nil {
		if len(r.members) >= maxMembers {
			r.dropSilent()
		}
		known = &member{first: now}
		r.members[key] = known
	}
	known.Report, known.last, known.lag = m.Report, now, r.trace.lag(now, m.Epoch, m.AppliedSeq)
}

// dropSilent makes room. Who had to make it may be alive: whoever waits for it
// does so still, and no more believes to know all.
func (r *Registry) dropSilent() {
	var oldest instance
	for key, m := range r.members {
		if o := r.members[oldest]; o == nil || m.last.Before(o.last) {
			oldest = key
		}
	}
	delete(r.members, oldest)
	for _, rd := range r.open {
		rd.known = false
	}
	r.hearing.since = time.Now()
}

// drop forgets an edge that is safe.
func (r *Registry) drop(key instance) {
	delete(r.members, key)
	for _, rd := range r.open {
		rd.release(key)
	}
}

// turn notes the issuer's own position, and forgets who has been silent for
// long, or for as long as it takes to be safe while another of the same name
// has come.
func (r *Registry) turn(now time.Time) {
	pos := r.position()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace.add(now, pos)
	newest := map[string]time.Time{}
	for key, m := range r.members {
		if m.first.After(newest[key.id]) {
			newest[key.id] = m.first
		}
	}
	for key, m := range r.members {
		superseded := m.first.Before(newest[key.id]) && m.silence(now) > r.safeAfter
		if superseded || m.silence(now) > forgetAfter {
			r.drop(key)
		}
	}
}

// Edges lists every known edge, by id.
func (r *Registry) Edges() []Edge {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Edge, 0, len(r.members))
	for _, m := range r.members {
		out = append(out, m.edge(now))
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return instance{a.ID, a.Instance}.compare(instance{b.ID, b.Instance})
	})
	return out
}

// Ignored is how many reports could not be used.
func (r *Registry) Ignored() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ignored
}

// Count is how many of the known edges are in a state.
func (r *Registry) Count(state string) (n int) {
	for _, e := range r.Edges() {
		if e.State == state {
			n++
		}
	}
	return n
}
