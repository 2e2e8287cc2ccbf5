package issuer

import "time"

// TuneStreams sets how often event streams have heartbeats and how long a
// reader may take. It must come before Run.
func (i *Issuer) TuneStreams(heartbeat, patience time.Duration) {
	i.streams.heartbeat, i.streams.patience = heartbeat, patience
}

// SetClock replaces the wall clock. It must come before Run.
func (i *Issuer) SetClock(now func() time.Time) { i.now = now }
