package audit_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
)

// patience is for what has no bound of its own on a busy machine.
const patience = 60 * time.Second

const stream = "CURFEW_AUDIT_test"

// A bench is a trail on a real JetStream, with a second connection to look.
type bench struct {
	*audit.Trail
	nats    *testenv.NATSServer
	between *faultproxy.Proxy // the trail and the server
	js      jetstream.JetStream
	metrics *prometheus.Registry
	logs    *testenv.Lines
}

func newBench(t *testing.T, c audit.Config) *bench {
	t.Helper()
	b := &bench{nats: testenv.NATS(t), metrics: prometheus.NewRegistry(), logs: &testenv.Lines{}}
	log := slog.New(slog.NewTextHandler(b.logs, nil))
	b.between = testenv.Proxy(t, strings.TrimPrefix(b.nats.URL(), "nats://"))
	nc, err := events.Connect("nats://"+b.between.Addr(), "", "trail", log)
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	c.Region, c.Replicas = "test", 1
	b.Trail, err = audit.New(nc, c, b.metrics, log)
	testenv.Must(t, err)
	watcher, err := events.Connect(b.nats.URL(), "", "watcher", slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	t.Cleanup(watcher.Close)
	b.js, err = jetstream.New(watcher)
	testenv.Must(t, err)
	return b
}

// run runs the trail; the function returned ends it, and waits until it has.
func (b *bench) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// A stored event is what the stream has.
type stored struct {
	subject, msgID string
	event          session.Event
}

// await returns the first n events of the stream.
func (b *bench) await(t *testing.T, n int) []stored {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var cons jetstream.Consumer
	testenv.Eventually(t, patience, func() (err error) {
		cons, err = b.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
		return err
	})
	var out []stored
	for len(out) < n {
		msg, err := cons.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatalf("%d of %d events: %v", len(out), n, err)
		}
		s := stored{subject: msg.Subject(), msgID: msg.Headers().Get("Nats-Msg-Id")}
		testenv.Must(t, json.Unmarshal(msg.Data(), &s.event))
		out = append(out, s)
	}
	return out
}

// count is how many events the stream has now.
func (b *bench) count(t *testing.T) uint64 {
	t.Helper()
	s, err := b.js.Stream(t.Context(), stream)
	testenv.Must(t, err)
	return s.CachedInfo().State.Msgs
}

// lost reads curfew_audit_dropped_total.
func (b *bench) lost(t *testing.T) float64 {
	t.Helper()
	families, err := b.metrics.Gather()
	testenv.Must(t, err)
	for _, f := range families {
		if f.GetName() == "curfew_audit_dropped_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("no metric curfew_audit_dropped_total")
	return 0
}
