package guard

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/redisstore"
)

// The log tells once, and why, that the store is given up, and once that it is
// back, however long that took.
func TestBreakerTellsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := newFallback(nil, always(time.Second), func() time.Duration { return 0 }, slog.New(slog.NewTextHandler(&log, nil)))
		ask := func(err error) {
			_, _ = f.execute(func() (redisstore.Verdict, error) { return redisstore.Verdict{}, err })
		}
		for range 10 * breakerFailures {
			ask(errors.New("WRONGPASS"))
			time.Sleep(breakerRest / 2)
		}
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "WRONGPASS") {
			t.Errorf("while it fails:\n%s", text)
		}
		log.Reset()
		time.Sleep(2 * breakerRest)
		ask(nil)
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "answers again") {
			t.Errorf("once it is back:\n%s", text)
		}
	})
}
