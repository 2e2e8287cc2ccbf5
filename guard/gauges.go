package guard

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"github.com/curfew-auth/curfew/internal/cache"
)

// registerGauges registers what is read off when somebody asks.
func registerGauges(r prometheus.Registerer, g *Guard) {
	labelled := func(name, help string, labels prometheus.Labels, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "curfew_" + name, Help: help, ConstLabels: labels}, value))
	}
	gauge := func(name, help string, value func() float64) { labelled(name, help, nil, value) }
	counter := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "curfew_" + name, Help: help}, value))
	}
	for _, state := range []cache.State{cache.Syncing, cache.Fresh, cache.Stale} {
		labelled("state", "1 for the state the copy is in.", prometheus.Labels{"state": state.String()},
			func() float64 { return one(g.copy.State() == state) })
	}
	for _, state := range []string{storeVouched, storeUnvouched, storeDown} {
		labelled("store_state", "1 for the state the store was in at the last look.", prometheus.Labels{"state": state},
			func() float64 { return one(g.store.Load() == state) })
	}
	gauge("ready", "1 once this node may be sent requests.", func() float64 { return one(g.Ready() == nil) })
	gauge("fresh_age_seconds", "Time since the copy was known to be complete; -1 if it never was.", g.freshAge)
	gauge("clock_behind_seconds", "How far this node's wall clock is behind an issuer's, if it is too far to accept tokens; else 0.",
		func() float64 { return time.Duration(g.clocks.behind.Load()).Seconds() })
	gauge("entries", "Revoked ids held.", func() float64 { return float64(g.copy.Entries()) })
	gauge("overflowed", "Revoked ids that had to leave and are covered by the filter.", func() float64 { return float64(g.copy.Overflowed()) })
	counter("evictions_total", "Revoked ids that had to leave the copy before they expired.", func() float64 { return float64(g.copy.Evictions()) })
	gauge("applied_seq", "Position in the log up to which it has been applied.", func() float64 { return float64(g.follower.Position().Seq) })
	gauge("lag_messages", "Messages that the log held behind the last one applied, when that was delivered.", func() float64 { return float64(g.lag.Load()) })
	gauge("nats_connected", "1 while there is a connection to NATS.", func() float64 { return one(g.nc.IsConnected()) })
	counter("nats_reconnects_total", "Connections to NATS that were lost and came back.", func() float64 { return float64(g.nc.Stats().Reconnects) })
	labelled("build_info", "1; the labels say what this node runs.",
		prometheus.Labels{"version": g.config.Version, "goversion": runtime.Version()}, func() float64 { return 1 })
	if g.fallback != nil {
		r.MustRegister(g.fallback.took)
		gauge("store_breaker_open", "1 while the store is not asked, because it failed too often.",
			func() float64 { return one(g.fallback.breaker.State() == gobreaker.StateOpen) })
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (g *Guard) freshAge() float64 {
	if age, ok := g.copy.Age(); ok {
		return age.Seconds()
	}
	return -1
}
