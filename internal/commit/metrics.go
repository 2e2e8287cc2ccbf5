package commit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/events"
)

// What became of a revocation.
const (
	statusCommitted = "committed" // log and store hold it
	statusPending   = "pending"   // one of them does
	statusFailed    = "failed"    // neither, as far as is known
)

// metrics count revocations by scope, never by whom they concern.
type metrics struct {
	revocations *prometheus.CounterVec
	duration    prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		revocations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_revocations_total", Help: "Revocations asked of this issuer, by scope and status: committed, pending, failed.",
		}, []string{"scope", "status"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "curfew_revocation_duration_seconds", Help: "Time from the request for a revocation until it was committed, pending or had failed.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14), // 0.5 ms to 4 s
		}),
	}
	for _, status := range [...]string{statusCommitted, statusPending, statusFailed} {
		m.revocations.WithLabelValues(string(events.ScopeSession), status) // so that a rate has a beginning
	}
	return m
}

func (m *metrics) observe(scope events.Scope, status string, since time.Time) {
	m.revocations.WithLabelValues(string(scope), status).Inc()
	m.duration.Observe(time.Since(since).Seconds())
}

// statusOf says where a revocation has arrived.
func statusOf(storeErr, logErr error) string {
	switch {
	case storeErr == nil && logErr == nil:
		return statusCommitted
	case storeErr != nil && logErr != nil:
		return statusFailed
	}
	return statusPending
}

// Watch registers what is counted and what can be read off.
func (k *Keeper) Watch(r prometheus.Registerer) {
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	r.MustRegister(k.committer.metrics.revocations, k.committer.metrics.duration)
	gauge("curfew_ready", "1 once this node has been able to sign in and out.", func() float64 { return one(k.Ready() == nil) })
	gauge("curfew_log_vouched", "1 while this issuer vouches that the log is whole.", func() float64 { return one(k.Answering()) })
	gauge("curfew_store_vouched", "1 while this issuer vouches that the store is whole.", func() float64 { return one(k.Vouched()) })
	gauge("curfew_store_replicas_unguarded", "1 while the store has replicas and does not wait for them (min-replicas-to-write).",
		func() float64 { return one(k.Unguarded()) })
	gauge("curfew_outbox_entries", "Revocations that wait in the store for the log, at the last look; no more than 500 are counted.",
		func() float64 { return float64(k.relay.left.Load()) })
	gauge("curfew_applied_seq", "Position in the log up to which it has been read.", func() float64 { return float64(k.follower.Position().Seq) })
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
