package events

import (
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Watch registers how full the stream was when it last described itself, which
// an issuer has it do several times within the staleness bound. A full stream
// refuses messages, and revocations are then only accepted.
func (l *JetStream) Watch(r prometheus.Registerer) {
	gauge := func(name, help string, value func(*jetstream.StreamInfo) int64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if info := l.last.Load(); info != nil {
				return float64(max(0, value(info)))
			}
			return 0
		}))
	}
	gauge("curfew_log_messages", "Messages that the stream of the log holds.",
		func(i *jetstream.StreamInfo) int64 { return int64(i.State.Msgs) })
	gauge("curfew_log_max_messages", "Messages that it may hold; 0 means no limit.",
		func(i *jetstream.StreamInfo) int64 { return i.Config.MaxMsgs })
	gauge("curfew_log_bytes", "Size of the stream of the log.",
		func(i *jetstream.StreamInfo) int64 { return int64(i.State.Bytes) })
	gauge("curfew_log_max_bytes", "Size that it may have; 0 means no limit.",
		func(i *jetstream.StreamInfo) int64 { return i.Config.MaxBytes })
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "curfew_nats_connected", Help: "1 while there is a connection to NATS."},
			func() float64 {
				if l.nc.IsConnected() {
					return 1
				}
				return 0
			}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "curfew_nats_reconnects_total", Help: "Connections to NATS that were lost and came back."},
			func() float64 { return float64(l.nc.Stats().Reconnects) }))
}
