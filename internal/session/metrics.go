package session

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what becomes of logins and sessions.
type Metrics struct {
	logins     *prometheus.CounterVec
	failures   *prometheus.CounterVec
	refreshes  *prometheus.CounterVec
	lockouts   prometheus.Counter
	suspicious *prometheus.CounterVec
	evicted    prometheus.Counter
	unusual    prometheus.Counter
}

// NewMetrics registers the metrics of the rules.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_logins_total", Help: "Sessions opened, by what authenticated the user: password or opened_by_admin.",
		}, []string{"method"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_refreshes_total",
			Help: "Refreshes, by result: rotated, retried within the grace, reused, device_mismatch, invalid, ended, unavailable, other.",
		}, []string{"result"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_login_failures_total",
			Help: "Logins refused, by reason: credentials, locked, throttled, busy, unavailable, other.",
		}, []string{"reason"}),
		lockouts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "curfew_login_lockouts_total", Help: "Accounts locked by failed logins at this issuer.",
		}),
		suspicious: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_refresh_suspicious_total",
			Help: "Refreshes that a thief may have tried: reuse, which ended the session, or device_mismatch.",
		}, []string{"kind"}),
		evicted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "curfew_sessions_evicted_total", Help: "Sessions ended by a newer one because of a limit.",
		}),
		unusual: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "curfew_refresh_unusual_total", Help: "Sessions refreshed more often than refresh_alarm_count, once per window of each.",
		}),
	}
	r.MustRegister(m.logins, m.failures, m.refreshes, m.lockouts, m.suspicious, m.evicted, m.unusual)
	for _, kind := range [...]string{EventReuse, EventDeviceMismatch} {
		m.suspicious.WithLabelValues(kind)
	}
	for _, method := range [...]string{byPassword, byAdmin} {
		m.logins.WithLabelValues(method)
	}
	for _, result := range [...]string{"rotated", "retried", "reused", "device_mismatch", "invalid", "ended", "unavailable", "other"} {
		m.refreshes.WithLabelValues(result)
	}
	for _, reason := range [...]string{"credentials", "locked", "throttled", "busy", "unavailable", "other"} {
		m.failures.WithLabelValues(reason) // so that a rate has a beginning
	}
	return m
}

// Watch registers gauges for the turns of password hashing.
func (t *Turns) Watch(r prometheus.Registerer) {
	gauge := func(name, help string, places chan struct{}) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(len(places)) })
	}
	r.MustRegister(
		gauge("curfew_login_hashing", "Passwords that are being hashed.", t.running),
		gauge("curfew_login_hash_queue", "Logins that wait for their turn to hash.", t.waiting),
	)
}

func (m *Metrics) failed(err error) { m.failures.WithLabelValues(reasonOf(err)).Inc() }

func reasonOf(err error) string {
	switch {
	case errors.Is(err, ErrInvalidCredentials):
		return "credentials"
	case errors.Is(err, ErrLocked):
		return "locked"
	case errors.Is(err, ErrThrottled):
		return "throttled"
	case errors.Is(err, ErrBusy):
		return "busy"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	}
	return "other"
}

func (m *Metrics) refreshed(retry bool, err error) {
	m.refreshes.WithLabelValues(resultOf(retry, err)).Inc()
}

func resultOf(retry bool, err error) string {
	switch {
	case err == nil && retry:
		return "retried"
	case err == nil:
		return "rotated"
	case errors.Is(err, ErrRefreshReused):
		return "reused"
	case errors.Is(err, ErrWrongDevice):
		return "device_mismatch"
	case errors.Is(err, ErrRefreshInvalid):
		return "invalid"
	case errors.Is(err, ErrEnded):
		return "ended"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	}
	return "other"
}
