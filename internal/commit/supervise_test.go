package commit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A store that is not there when an issuer starts is a warning once the bound
// is over, with the reason, and only once; one that comes at once is none.
func TestStartWithoutAStoreIsAWarning(t *testing.T) {
	for name, c := range map[string]struct {
		whole    time.Duration // from when on
		warnings int
	}{"never there": {time.Hour, 1}, "soon there": {time.Second, 0}} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			var good atomic.Bool
			k := &Keeper{interval: time.Second, slog: slog.New(slog.NewTextHandler(&log, nil))}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			k.supervise(ctx, "store", func(context.Context) error {
				if time.Since(start) < c.whole {
					return errors.New("connection refused")
				}
				return nil
			}, &good, nil)
			if n := strings.Count(log.String(), "WARN"); n != c.warnings || good.Load() != (c.warnings == 0) {
				t.Errorf("%s: %d warnings, want %d:\n%s", name, n, c.warnings, log.String())
			}
		})
	}
}
