package guard

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/cache"
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
	unreadable                     prometheus.Counter
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
	r.MustRegister(decisions, unreadable)
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "curfew_" + name, Help: help}, value))
	}
	for _, state := range []cache.State{cache.Syncing, cache.Fresh, cache.Stale} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "curfew_state", Help: "1 for the state the copy is in.",
			ConstLabels: prometheus.Labels{"state": state.String()},
		}, func() float64 {
			if g.copy.State() == state {
				return 1
			}
			return 0
		}))
	}
	gauge("fresh_age_seconds", "Time since the copy was known to be complete; -1 if it never was.", func() float64 {
		if age, ok := g.copy.Age(); ok {
			return age.Seconds()
		}
		return -1
	})
	gauge("entries", "Revoked ids held.", func() float64 { return float64(g.copy.Entries()) })
	gauge("overflowed", "Revoked ids that had to leave and are covered by the filter.", func() float64 { return float64(g.copy.Overflowed()) })
	gauge("applied_seq", "Position in the log up to which it has been applied.", func() float64 { return float64(g.follower.Position().Seq) })
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
		unreadable:      unreadable,
	}
}

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
