package guard

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are labelled by outcome only, never by user or token. The counters
// of the hot path are resolved once, so that Check does not look labels up.
type metrics struct {
	allowedLocally, revokedLocally prometheus.Counter
	allowedByStore, revokedByStore prometheus.Counter
	outdatedLocally                prometheus.Counter
	outdatedByStore                prometheus.Counter
	unknown, allowedUnknown        prometheus.Counter
	allowedByToken                 prometheus.Counter
	malformed, invalid, expired    prometheus.Counter
	unreadable, garbage            prometheus.Counter
	check, propagation             prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, g *Guard) *metrics {
	decisions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "curfew_decisions_total",
		Help: "Decisions about tokens, by result and by who knew: the token itself, the local copy, the store, or nobody.",
	}, []string{"result", "source"})
	unreadable := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "curfew_unreadable_revocations_total",
		Help: "Entries of the log that could not be read; each puts the copy in doubt.",
	})
	garbage := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "curfew_garbage_total",
		Help: "Messages on the subjects of revocations that are none, and were ignored: somebody writes there who must not.",
	})
	check := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "curfew_check_duration_seconds",
		Help:    "Time that a decision took, of one in 64 decisions; the count is not that of decisions.",
		Buckets: prometheus.ExponentialBuckets(125e-9, 4, 11), // 125 ns to 131 ms
	})
	propagation := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "curfew_propagation_seconds",
		Help:    "Time from a revocation's stamp (clock of the store) to its effect here (clock of this node), of those that came while the copy was up to date.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18), // 0.5 ms to 66 s
	})
	r.MustRegister(decisions, unreadable, garbage, check, propagation)
	registerGauges(r, g)
	return &metrics{
		allowedLocally:  decisions.WithLabelValues("allowed", "local"),
		revokedLocally:  decisions.WithLabelValues("revoked", "local"),
		allowedByStore:  decisions.WithLabelValues("allowed", "store"),
		revokedByStore:  decisions.WithLabelValues("revoked", "store"),
		outdatedLocally: decisions.WithLabelValues("refresh_required", "local"),
		outdatedByStore: decisions.WithLabelValues("refresh_required", "store"),
		unknown:         decisions.WithLabelValues("unknown", "nobody"),
		allowedByToken:  decisions.WithLabelValues("allowed", "token"),
		allowedUnknown:  decisions.WithLabelValues("allowed", "nobody"),
		malformed:       decisions.WithLabelValues("malformed", "token"),
		invalid:         decisions.WithLabelValues("invalid", "token"),
		expired:         decisions.WithLabelValues("expired", "token"),
		unreadable:      unreadable, garbage: garbage,
		check: check, propagation: propagation,
	}
}

func (m *metrics) checked(since time.Time) { m.check.Observe(time.Since(since).Seconds()) }

func (m *metrics) refused(err error) {
	switch {
	case errors.Is(err, ErrMalformed):
		m.malformed.Inc()
	case errors.Is(err, ErrExpired):
		m.expired.Inc()
	case errors.Is(err, ErrInvalid):
		m.invalid.Inc()
	default:
		m.unknown.Inc()
	}
}
