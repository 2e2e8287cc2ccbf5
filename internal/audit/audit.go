// Package audit publishes what happened to sessions into the audit stream of
// NATS JetStream: who logged in, refreshed, logged out, from where and why. It
// is a record for people; no decision depends on it.
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

const (
	backlog    = 10_000              // events that wait for the stream
	retention  = 30 * 24 * time.Hour // of an event in the stream
	oneTimeout = 2 * time.Second
)

// A Trail is a session.Trail. Record never blocks; Run publishes, in order,
// and keeps what it could not publish yet for as long as the backlog has room.
type Trail struct {
	js       jetstream.JetStream
	subjects events.Subjects
	replicas int
	slog     *slog.Logger
	queue    chan session.Event
	dropped  prometheus.Counter
}

// New makes a trail for one region.
func New(nc *nats.Conn, region string, replicas int, r prometheus.Registerer, log *slog.Logger) (*Trail, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	t := &Trail{
		js: js, subjects: events.Subjects{Region: region}, replicas: replicas, slog: log,
		queue: make(chan session.Event, backlog),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "curfew_audit_dropped_total", Help: "Audit events that found the backlog full.",
		}),
	}
	r.MustRegister(t.dropped)
	return t, nil
}

// Record implements session.Trail.
func (t *Trail) Record(e session.Event) {
	e.ID = cmp.Or(e.ID, uuid.NewString())
	select {
	case t.queue <- e:
	default:
		t.dropped.Inc()
	}
}

// Run publishes until ctx ends, and then what is left, for two seconds.
func (t *Trail) Run(ctx context.Context) {
	late, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	end := context.AfterFunc(ctx, func() { time.AfterFunc(oneTimeout, stop) })
	defer end()
	for {
		select {
		case e := <-t.queue:
			t.deliver(late, e)
		case <-ctx.Done():
			if len(t.queue) == 0 || late.Err() != nil {
				return
			}
		}
	}
}

// deliver tries until it succeeds or ctx ends.
func (t *Trail) deliver(ctx context.Context, e session.Event) {
	data, err := json.Marshal(e)
	if err != nil {
		t.slog.Error("audit event lost", "error", err)
		return
	}
	pause := events.NewBackOff(100*time.Millisecond, 5*time.Second)
	for {
		err := t.publish(ctx, e.Kind, data)
		if err == nil {
			return
		}
		if !events.Sleep(ctx, pause.NextBackOff()) {
			t.slog.Warn("audit event lost", "kind", e.Kind, "error", err)
			return
		}
	}
}

func (t *Trail) publish(ctx context.Context, kind string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, oneTimeout)
	defer cancel()
	_, err := t.js.Publish(ctx, t.subjects.Session(kind), data, jetstream.WithExpectStream(t.subjects.AuditStream()))
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		if err := t.ensure(ctx); err != nil {
			return err
		}
		_, err = t.js.Publish(ctx, t.subjects.Session(kind), data)
	}
	return err
}

func (t *Trail) ensure(ctx context.Context) error {
	_, err := t.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        t.subjects.AuditStream(),
		Description: "Curfew: what happened to sessions",
		Subjects:    []string{t.subjects.Session("*")},
		Storage:     jetstream.FileStorage,
		Replicas:    t.replicas,
		MaxAge:      retention,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil
	}
	return err
}
