package commit

import (
	"context"
	"log/slog"

	"github.com/curfew-auth/curfew/internal/events"
)

// RelayOnce returns one look of a relay, to be called again and again.
func RelayOnce(store Store, log events.Log) func(context.Context) error {
	r := &Relay{store: store, log: log, slog: slog.New(slog.DiscardHandler)}
	return r.once
}
