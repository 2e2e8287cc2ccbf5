package guard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/curfew-auth/curfew/guard"
)

// The age of a vouch is judged by the store's clock alone, however wrong it is.
// Compare it with the edge's and this goes red.
func TestWrongClockOfTheStore(t *testing.T) {
	for name, by := range map[string]time.Duration{"behind": -time.Hour, "ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			wrong := time.Now().Add(by)
			m.stopClock(wrong)
			n := m.node(nil)
			good := m.token("s", "", time.Hour)
			m.vouch()
			n.eventually(t, good, nil)
			m.stopClock(wrong.Add(2 * staleness))
			n.want(t, good, guard.ErrUnknown)
			m.vouch()
			n.eventually(t, good, nil)
		})
	}
}

// stopClock sets the store's clock, which stands still from then on. The
// store's own hook would set it right at every script.
func (m *mesh) stopClock(at time.Time) {
	srv := m.redis.Server.Server()
	srv.SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		switch cmd {
		case "INFO":
			srv.Dispatch(c, []string{"ECHO", "run_id:abc\r\nmaster_replid:def\r\nevicted_keys:0\r\n"})
		case "EVAL_RO", "EVALSHA_RO":
			srv.Dispatch(c, append([]string{strings.TrimSuffix(cmd, "_RO")}, args...))
		default:
			return false
		}
		return true
	})
	m.redis.Server.SetTime(at)
}
