package issuer

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/version"
)

// watch registers what can be read off the parts.
func (i *Issuer) watch(r prometheus.Registerer) {
	i.watchFleet(r)
	i.keeper.Watch(r)
	i.stream.Watch(r)
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("curfew_newest_key_created_timestamp_seconds", "When the newest signing key was made, in Unix seconds; 0 for a secret that is a setting.",
		nil, i.newestKey)
	gauge("curfew_key_rotate_every_seconds", "Age at which the newest signing key gets a successor; 0 for never.",
		nil, i.config.KeyRotateEvery.Seconds)
	gauge("curfew_build_info", "1; the labels say what this node runs.",
		prometheus.Labels{"version": version.String(), "goversion": runtime.Version()}, func() float64 { return 1 })
}

func (i *Issuer) newestKey() float64 {
	var newest time.Time
	for _, key := range i.keys.Keys() {
		if key.Created.After(newest) {
			newest = key.Created
		}
	}
	if newest.IsZero() {
		return 0
	}
	return float64(newest.Unix())
}
