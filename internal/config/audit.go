package config

import "time"

// Audit is how long the audit stream keeps what happened to sessions, who may
// follow it, and when that is unusual.
type Audit struct {
	AuditMaxAge   time.Duration `koanf:"audit_max_age" default:"2160h" usage:"how long the audit stream keeps an event"`
	AuditMaxBytes int           `koanf:"audit_max_bytes" default:"0" usage:"size of the audit stream, beyond which the oldest events go; 0 for no limit"`

	EventStreams int `koanf:"event_streams" default:"64" usage:"admins who may follow the events at once"`

	RefreshAlarmCount  int           `koanf:"refresh_alarm_count" default:"30" usage:"refreshes of one session within the window that raise an alarm, 0 for never"`
	RefreshAlarmWindow time.Duration `koanf:"refresh_alarm_window" default:"1m" usage:"window of refresh_alarm_count"`
}

const minAuditBytes = 1 << 20

func (a Audit) check(p *checks) {
	within(p, "audit_max_age", a.AuditMaxAge, time.Hour, 10*year)
	p.that("audit_max_bytes", a.AuditMaxBytes == 0 || a.AuditMaxBytes >= minAuditBytes,
		"want 0 for no limit, or at least %d, got %d", minAuditBytes, a.AuditMaxBytes)
	within(p, "event_streams", a.EventStreams, 1, 10_000)
	within(p, "refresh_alarm_count", a.RefreshAlarmCount, 0, 1_000_000)
	within(p, "refresh_alarm_window", a.RefreshAlarmWindow, time.Second, 24*time.Hour)
}
