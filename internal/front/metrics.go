package front

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec

	// known holds the collectors of what has been answered before: looking
	// labels up takes longer than an edge needs to decide. It is replaced,
	// never changed, and as bounded as the labels are.
	known  atomic.Pointer[map[answered]collectors]
	adding sync.Mutex
}

// answered is what requests are counted by.
type answered struct{ route, method, class string }

type collectors struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// newMetrics registers the HTTP metrics, or finds them registered: two
// applications may share a registry.
func newMetrics(r prometheus.Registerer) *metrics {
	return &metrics{
		requests: register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_http_requests_total",
			Help: "Requests answered, by route pattern, method and class of the status.",
		}, []string{"route", "method", "code"})),
		duration: register(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "curfew_http_request_duration_seconds",
			Help:    "Time from the parsed request to the finished answer.",
			Buckets: prometheus.ExponentialBuckets(0.00005, 4, 10), // 50 us to 13 s
		}, []string{"route", "method"})),
	}
}

// register panics on a collector that contradicts a registered one: a
// mistake in the program.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	err := r.Register(c)
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := known.ExistingCollector.(C); ok {
			return same
		}
	}
	if err != nil {
		panic(err)
	}
	return c
}

// observe may be given strings that do not outlive the request.
func (m *metrics) observe(route, method string, status int, took time.Duration) {
	what := answered{route, method, class(status)}
	c, ok := collectors{}, false
	if known := m.known.Load(); known != nil {
		c, ok = (*known)[what]
	}
	if !ok {
		c = m.add(answered{strings.Clone(route), strings.Clone(method), what.class})
	}
	c.requests.Inc()
	c.duration.Observe(took.Seconds())
}

func (m *metrics) add(what answered) collectors {
	m.adding.Lock()
	defer m.adding.Unlock()
	c := collectors{
		requests: m.requests.WithLabelValues(what.route, what.method, what.class),
		duration: m.duration.WithLabelValues(what.route, what.method),
	}
	next := map[answered]collectors{what: c}
	if known := m.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	m.known.Store(&next)
	return c
}

func class(status int) string {
	classes := [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}
	if i := status/100 - 1; i >= 0 && i < len(classes) {
		return classes[i]
	}
	return "other"
}
