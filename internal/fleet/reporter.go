package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

// A Reporter tells the issuers how an edge stands.
type Reporter struct {
	Conn   *nats.Conn
	Region string
	ID     string
	// Report is called for each report, by one goroutine at a time.
	Report func() Report
	// Poke makes it report at once, after a change of state for example.
	Poke <-chan struct{}
	Log  *slog.Logger

	asked chan struct{}
}

// Run reports until ctx ends. An issuer that has just come asks for a report
// at once; a connection that comes back is a reason too.
func (r *Reporter) Run(ctx context.Context) {
	r.asked = make(chan struct{}, 1)
	subjects := events.Subjects{Region: r.Region}
	for _, subject := range []string{subjects.Report(), subjects.ReportOf(r.ID)} {
		sub, err := r.Conn.Subscribe(subject, r.question)
		if err != nil {
			r.Log.Warn("the issuers cannot ask this edge", "error", err)
			continue
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	back := events.Reconnects(r.Conn)
	for ctx.Err() == nil {
		if err := r.publish(message{Report: r.Report()}); err != nil {
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

// question has a report sent soon.
func (r *Reporter) question(*nats.Msg) {
	time.AfterFunc(rand.N(spread), func() {
		select {
		case r.asked <- struct{}{}:
		default:
		}
	})
}

// Leave says goodbye. The edge MUST NOT let any request through any more. Run
// must have returned.
func (r *Reporter) Leave() {
	err := r.publish(message{Report: r.Report(), Leaving: true})
	if err == nil {
		err = r.Conn.FlushTimeout(leaveTimeout)
	}
	if err != nil {
		r.Log.Debug("left without a goodbye", "error", err)
	}
}

func (r *Reporter) publish(m message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("fleet: report: %w", err)
	}
	return r.Conn.Publish(events.Subjects{Region: r.Region}.Edge(r.ID), data)
}
