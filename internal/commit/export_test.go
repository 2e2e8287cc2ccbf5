package commit

import (
	"context"
	"log/slog"

	"github.com/curfew-auth/curfew/internal/events"
)

// RelayOnce returns one look of a relay, to be called again and again.
func RelayOnce(store Store, log events.Log) func(context.Context) error {
	read := func(context.Context, uint64, events.Revocation) error { return nil }
	r := newRelay(store, log, read, slog.New(slog.DiscardHandler))
	return r.once
}
