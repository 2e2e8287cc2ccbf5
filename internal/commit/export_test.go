package commit

import (
	"context"
	"log/slog"

	"github.com/curfew-auth/curfew/internal/events"
)

// RelayOnce returns one look of a relay, to be called again and again.
func RelayOnce(store Store, log events.Log) func(context.Context) error {
	read := func(context.Context, uint64, events.Revocation) error { return nil }
	r := &Relay{store: store, log: log, read: read, slog: slog.New(slog.DiscardHandler)}
	return r.once
}
