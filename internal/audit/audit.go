// Package audit publishes what happened to sessions into the audit stream of
// NATS JetStream: who logged in, refreshed, logged out, from where and why. It
// is a record for people; no decision depends on it.
//
// An event waits in a bounded backlog for as long as NATS is away, and is
// published in order; where several wait, they are sent at once, and an event
// that a fault has taken out of the middle comes after them. A full backlog
// refuses the newest events, so that what it holds has no gap; they are
// counted, and logged once until it has been empty again. A publish whose
// answer was lost is repeated under the event's id, which the stream takes once
// within its duplicate window (two minutes).
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

const (
	defaultBacklog = 10_000
	oneTimeout     = 2 * time.Second // of one publish, and of what is left at the end
)

// Config says where events go and how long they stay.
type Config struct {
	API      string // what the subjects of JetStream's API begin with; default events.DefaultAPI
	Region   string
	Replicas int           // counts when the stream is created
	MaxAge   time.Duration // of an event in the stream; 0: without end
	MaxBytes int64         // of the stream, beyond which the oldest go; 0: no limit
	Backlog  int           // events that may wait for the stream; 0: 10,000
}

// A Trail is a session.Trail. Record never blocks; Run publishes.
type Trail struct {
	js       jetstream.JetStream
	subjects events.Subjects
	config   Config
	slog     *slog.Logger
	queue    chan session.Event
	full     atomic.Bool // events are being refused, and that has been logged
	lost     prometheus.Counter
}

// New makes a trail. It does not wait for NATS.
func New(nc *nats.Conn, c Config, r prometheus.Registerer, log *slog.Logger) (*Trail, error) {
	js, err := jetstream.NewWithAPIPrefix(nc, cmp.Or(c.API, events.DefaultAPI))
	if err != nil {
		return nil, err
	}
	t := &Trail{
		js: js, subjects: events.Subjects{Region: c.Region}, config: c, slog: log,
		queue: make(chan session.Event, cmp.Or(c.Backlog, defaultBacklog)),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "curfew_audit_dropped_total",
			Help: "Audit events lost: they found the backlog full, or the issuer ended before NATS was back.",
		}),
	}
	backlog := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "curfew_audit_backlog", Help: "Audit events that wait for the stream.",
	}, func() float64 { return float64(len(t.queue)) })
	r.MustRegister(t.lost, backlog)
	return t, nil
}

// Record implements session.Trail.
func (t *Trail) Record(e session.Event) {
	e.ID = cmp.Or(e.ID, uuid.NewString())
	select {
	case t.queue <- e:
	default:
		t.lost.Inc()
		if !t.full.Swap(true) {
			t.slog.Error("audit backlog full, the newest events are lost", "backlog", cap(t.queue))
		}
	}
}

// Run publishes until ctx ends, and then what is left, for two seconds.
func (t *Trail) Run(ctx context.Context) {
	late, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(oneTimeout, stop) })()
	var keeping sync.WaitGroup
	defer keeping.Wait()
	keeping.Go(func() { t.retain(ctx) })
	for {
		left := 0
		select {
		case e := <-t.queue:
			left = t.deliverAll(late, t.waiting(e))
		case <-ctx.Done():
			if len(t.queue) == 0 {
				return
			}
		}
		if late.Err() != nil {
			t.giveUp(left)
			return
		}
	}
}

// giveUp counts what stays unpublished: the queue, and so many besides.
func (t *Trail) giveUp(left int) {
	if n := len(t.queue) + left; n > 0 {
		t.lost.Add(float64(n))
		t.slog.Error("audit events lost at the end", "events", n)
	}
}

// deliver tries until it succeeds or ctx ends.
func (t *Trail) deliver(ctx context.Context, e session.Event) {
	data, err := json.Marshal(e)
	for pause := events.NewBackOff(100*time.Millisecond, 5*time.Second); err == nil; {
		failed := t.publish(ctx, e, data)
		if failed == nil {
			t.delivered()
			return
		}
		if !events.Sleep(ctx, pause.NextBackOff()) {
			err = failed
		}
	}
	t.lost.Inc()
	t.slog.Error("audit event lost", "kind", e.Kind, "error", err)
}

func (t *Trail) delivered() {
	if len(t.queue) == 0 && t.full.Swap(false) {
		t.slog.Info("audit backlog empty again")
	}
}

func (t *Trail) publish(ctx context.Context, e session.Event, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, oneTimeout)
	defer cancel()
	send := func() error {
		_, err := t.js.Publish(ctx, t.subjects.Session(e.Kind), data,
			jetstream.WithMsgID(e.ID), jetstream.WithExpectStream(t.subjects.AuditStream()))
		return err
	}
	err := send()
	if !noStream(err) {
		return err
	}
	if err := t.create(ctx); err != nil {
		return err
	}
	return send()
}
