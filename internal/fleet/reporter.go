package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// interval is the mean time between two reports of an edge: with 1,000
	// edges an issuer reads some 700 small messages a second.
	interval = 1500 * time.Millisecond
	// spread bounds the random wait of edges that were all asked at once.
	spread = 100 * time.Millisecond
	// leaveTimeout bounds a goodbye.
	leaveTimeout = 500 * time.Millisecond
)

// A Reporter tells the issuers how an edge stands, and what it holds.
type Reporter struct {
	Conn   *nats.Conn
	Region string
	ID     string
	Life   *Life // new at every start
	// Report is called for each report, by one goroutine at a time. It need
	// not fill in ID, Instance and Region.
	Report func() Report
	// Elapsed is the edge's clock; it counts time asleep.
	Elapsed func() time.Duration
	// Watch tells how far the log has been applied, and when that changes.
	Watch func() (events.Position, <-chan struct{})
	// Holds reports whether the edge refuses by its own copy all that the
	// entry covers.
	Holds func(Entry) bool
	// Reserve is what the edge offers to issuers who have lost the log.
	Reserve *Reserve
	// Poke makes it report at once, after a change of state for example.
	Poke <-chan struct{}
	Log  *slog.Logger

	asked chan struct{}
	kept  chan struct{} // one value for each question that is kept

	mu        sync.Mutex
	announced bool
	on        uint64        // the connection that it was announced on
	at        time.Duration // when, by Elapsed

	secretsMu sync.Mutex
	secrets   map[string][]byte // by the issuer's public key
}

// Run reports until ctx ends. An issuer that has just come asks for a report
// at once; a connection that comes back is a reason too.
func (r *Reporter) Run(ctx context.Context) {
	r.asked, r.kept = make(chan struct{}, 1), make(chan struct{}, maxKept)
	subjects := events.Subjects{Region: r.Region}
	for _, subject := range []string{subjects.Report(), subjects.ReportOf(r.ID)} {
		sub, err := r.Conn.Subscribe(subject, func(msg *nats.Msg) { r.question(ctx, msg) })
		if err != nil {
			r.Log.Warn("the issuers cannot ask this edge", "error", err)
			continue
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	defer r.serveOffers()()
	back := events.Reconnects(r.Conn)
	for ctx.Err() == nil {
		if err := r.publish(false); err != nil {
			r.Log.Debug("not reported", "error", err)
		}
		r.pause(ctx, back)
	}
}

func (r *Reporter) pause(ctx context.Context, back <-chan struct{}) {
	t := time.NewTimer(interval - interval/5 + rand.N(2*interval/5))
	defer t.Stop()
	select {
	case <-t.C:
	case <-back:
	case <-r.asked:
	case <-r.Poke:
	case <-ctx.Done():
	}
}

// Leave says goodbye. The edge MUST NOT let any request through any more. Run
// must have returned.
func (r *Reporter) Leave() {
	err := r.publish(true)
	if err == nil {
		err = r.Conn.FlushTimeout(leaveTimeout)
	}
	if err != nil {
		r.Log.Debug("left without a goodbye", "error", err)
	}
}

func (r *Reporter) publish(leaving bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.send(leaving)
}

// send is publish with the lock held. Which connection it is, and when, is read
// before: a connection that comes meanwhile is another.
func (r *Reporter) send(leaving bool) error {
	r.announced, r.on, r.at = false, r.Conn.Stats().Reconnects, r.Elapsed()
	m := message{Report: r.Report(), Leaving: leaving}
	m.ID, m.Instance, m.Region = r.ID, r.Life.Instance(), r.Region
	if leaving {
		m.Farewell = r.Life.farewell()
	}
	data, err := m.encode()
	if err != nil {
		return fmt.Errorf("fleet: report: %w", err)
	}
	err = r.Conn.Publish(events.Subjects{Region: r.Region}.Edge(r.ID), data)
	r.announced = err == nil
	return err
}
