package session_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/session"
)

// counted passes on what the count said, so that a test can wait for it.
type counted struct {
	session.Refreshes
	done chan error
}

func (c *counted) Count(ctx context.Context, id string, a session.RefreshAlarm) (bool, error) {
	reached, err := c.Refreshes.Count(ctx, id, a)
	c.done <- err
	return reached, err
}

// alarming returns two issuers on one store with an alarm at the third refresh.
func alarming(t *testing.T) (b *bench, issuers [2]*session.Service, done chan error, seen *observed) {
	b = newBench(t)
	c := config()
	c.RefreshAlarm = session.RefreshAlarm{Count: 3, Window: time.Hour}
	seen = &observed{registry: prometheus.NewRegistry(), alarms: make(chan session.Event, 100)}
	parts := b.parts
	done = make(chan error, 100)
	parts.Refreshes = &counted{parts.Refreshes, done}
	parts.Trail, parts.Metrics, parts.Log = seen, session.NewMetrics(seen.registry), slog.New(slog.NewTextHandler(seen, nil))
	for n := range issuers {
		issuers[n] = session.NewService(parts, c)
	}
	return b, issuers, done, seen
}

// observed is what the outside sees of an alarm.
type observed struct {
	registry *prometheus.Registry
	alarms   chan session.Event

	mu   sync.Mutex
	logs strings.Builder
}

func (o *observed) Record(e session.Event) {
	if e.Kind == session.EventRefreshUnusual {
		o.alarms <- e
	}
}

func (o *observed) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.logs.Write(p)
}

func (o *observed) total(t *testing.T) float64 {
	t.Helper()
	families, err := o.registry.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == "curfew_refresh_unusual_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("no metric curfew_refresh_unusual_total")
	return 0
}

// refreshes refreshes n times, at the issuers in turn, and waits for each count.
func refreshes(t *testing.T, issuers [2]*session.Service, done chan error, g session.Grant, n int) session.Grant {
	t.Helper()
	for i := range n {
		var err error
		g, err = issuers[i%2].Refresh(t.Context(), g.RefreshToken, session.Caller{IP: "192.0.2.9"})
		must(t, err)
		must(t, <-done)
	}
	return g
}

func TestUnusualRefreshesRaiseAnAlarmOncePerWindow(t *testing.T) {
	b, issuers, done, seen := alarming(t)
	other := refreshes(t, issuers, done, b.login(t, "alice"), 2)
	g := refreshes(t, issuers, done, b.login(t, "alice"), 3)
	e := <-seen.alarms
	if e.SessionID != g.SessionID || e.UserID != "u-alice" || e.Tenant != "default" || e.IP != "192.0.2.9" ||
		e.Device.ID != "d1" || e.UserAgent != "test/1" || e.Reason != "refresh_alarm_count" || e.Actor != "curfew" || e.At.IsZero() {
		t.Errorf("got %+v", e)
	}
	g = refreshes(t, issuers, done, g, 7)
	// The alarm of the next session comes after whatever the first one's could bring.
	refreshes(t, issuers, done, other, 1)
	if e := <-seen.alarms; e.SessionID != other.SessionID {
		t.Errorf("a second alarm in the window: %+v", e)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	logs := seen.logs.String()
	if strings.Count(logs, "unusually often") != 2 || strings.Contains(logs, "cfr_") || strings.Contains(logs, g.RefreshToken) {
		t.Errorf("log: %s", logs)
	}
	if n := seen.total(t); n != 2 {
		t.Errorf("counted %v alarms, want 2", n)
	}
}

// A hanging store answers no count until it is closed.
type hanging struct {
	called atomic.Int32
	closed chan struct{}
}

func (h *hanging) Count(context.Context, string, session.RefreshAlarm) (bool, error) {
	h.called.Add(1)
	<-h.closed
	return false, session.ErrUnavailable
}

// A store that does not count makes no refresh fail or wait, and the counts
// that hang do not pile up.
func TestRefreshesGoOnUncounted(t *testing.T) {
	b := newBench(t)
	c := config()
	c.RefreshAlarm = session.RefreshAlarm{Count: 3, Window: time.Hour}
	parts, store := b.parts, &hanging{closed: make(chan struct{})}
	parts.Refreshes = store
	defer close(store.closed)
	s, g := session.NewService(parts, c), b.login(t, "alice")
	for range 200 {
		next, err := s.Refresh(t.Context(), g.RefreshToken, session.Caller{})
		must(t, err)
		g = next
	}
	if n := store.called.Load(); n == 0 || n > 64 {
		t.Errorf("%d counts hang, want at most 64", n)
	}
}
