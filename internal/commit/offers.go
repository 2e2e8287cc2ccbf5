package commit

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// collectAfter is when the edges are asked again after the log was restored. They
// may have lost their connections in the same moment, and come back later than the
// issuer.
var collectAfter = [...]time.Duration{2 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute}

// collectPatience is how long edges are waited for then: nobody waits for the answer.
const collectPatience = time.Minute

// collect takes from the edges what neither log nor store has, some times after
// each restore of the log.
func (k *Keeper) collect(ctx context.Context) {
	for {
		select {
		case <-k.restored:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		for n := 0; n < len(collectAfter); {
			select {
			case <-k.restored:
				began, n = time.Now(), 0
			case <-time.After(time.Until(began.Add(collectAfter[n]))):
				n++
				k.collectOnce(ctx)
			case <-ctx.Done():
				return
			}
		}
	}
}

// collectOnce appends what the store lacks and edges hold; the projector files it.
func (k *Keeper) collectOnce(ctx context.Context) {
	var known []uint64
	for r, err := range k.store.Live(ctx) {
		if errors.Is(err, events.ErrBadRevocation) {
			continue // the others are to be asked for all the same
		}
		if err != nil {
			k.slog.Debug("edges not asked for revocations", "error", err)
			return
		}
		known = append(known, r.Fingerprint())
	}
	taken := 0
	for r := range k.Offers(ctx, known, collectPatience) {
		if _, err := events.Publish(ctx, k.log, r); err != nil {
			k.slog.Warn("a revocation that edges hold was not taken", "revocation_id", r.ID, "error", err)
			continue
		}
		taken++
	}
	if taken > 0 {
		k.slog.Warn("revocations taken from the edges: log and store had lost them", "revocations", taken)
	}
}
