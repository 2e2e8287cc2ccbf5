package fleet

import (
	"context"
	"crypto/ecdh"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
)

// tick is the time between two looks at the issuer's own position.
const tick = 250 * time.Millisecond

// A Registry knows the edges that report. Its zero value is not usable; see
// [NewRegistry].
type Registry struct {
	conn     *nats.Conn
	subjects events.Subjects
	position func() events.Position
	// staleness is the largest bound that an issuer goes by.
	staleness func() time.Duration
	log       *slog.Logger

	key   *ecdh.PrivateKey // answers are sealed for its owner
	inbox string
	wake  chan struct{} // of capacity 1: rounds are waiting
	// connection tells which connection there is, and whether there is one.
	connection func() (number uint64, up bool)

	mu         sync.Mutex
	members    map[instance]*member
	unreadable int // of members
	trace      trace
	ignored    uint64
	hearing    hearing
	dropped    func() (int, error) // reports that came too fast, in all
	waiting    []*round            // not yet asked
	open       map[string]*round
	waits      int
}

// NewRegistry makes a registry of the edges of one region. Staleness is the
// largest bound that an issuer is known to go by, this one's own included.
// Position tells how far the issuer itself has read the log.
func NewRegistry(conn *nats.Conn, region string, staleness func() time.Duration, position func() events.Position, log *slog.Logger) *Registry {
	return &Registry{
		conn: conn, key: newKey(), inbox: nats.NewInbox(), subjects: events.Subjects{Region: region}, position: position,
		staleness: staleness, log: log, members: map[instance]*member{},
		connection: func() (uint64, bool) { return conn.Stats().Reconnects, conn.IsConnected() },
		dropped:    func() (int, error) { return 0, nil },
		wake:       make(chan struct{}, 1), open: map[string]*round{},
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
	r.mu.Lock()
	r.dropped = reports.Dropped
	r.mu.Unlock()
	answers, err := r.conn.Subscribe(r.inbox+".*", r.answered)
	if err != nil {
		r.log.Error("edges cannot be heard", "error", err)
		return
	}
	defer func() { _ = answers.Unsubscribe() }()
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { r.askRounds(ctx) })
	r.listen(ctx)
}

func (r *Registry) listen(ctx context.Context) {
	back := events.Reconnects(r.conn)
	r.ask(ctx)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.turn(time.Now())
			r.listenAgain(ctx)
		case <-back:
			r.ask(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// receive takes one report in.
func (r *Registry) receive(msg *nats.Msg) {
	id, now := strings.TrimPrefix(msg.Subject, r.subjects.Edge("")), time.Now()
	m, err := decode(id, msg.Data)
	r.mu.Lock()
	if err != nil {
		r.ignored++
		r.takeUnreadable(id, now)
		r.mu.Unlock()
		r.log.Debug("report cannot be read", "error", err)
		return
	}
	r.take(m, now)
	again := r.unanswered(instance{m.ID, m.Instance}, now)
	r.mu.Unlock()
	for _, rd := range again {
		r.put(rd, r.subjects.ReportOf(m.ID))
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

// Ignored is how many reports could not be read.
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
