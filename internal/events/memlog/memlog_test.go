package memlog_test

import (
	"testing"

	"github.com/curfew-auth/curfew/internal/events/logtest"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

func TestLog(t *testing.T) {
	logtest.Run(t, func(*testing.T) logtest.Harness {
		l := &memlog.Log{}
		return logtest.Harness{Log: l, Recreate: l.Recreate, Purge: l.Purge, Interrupt: l.Interrupt}
	})
}
