package events_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A door lets clients in while it is open, and counts those it refused.
type door struct {
	open    atomic.Bool
	refused atomic.Int32
}

func (d *door) Check(server.ClientAuthentication) bool {
	if !d.open.Load() {
		d.refused.Add(1)
	}
	return d.open.Load()
}

// A server that refuses us, at start or later, may let us in again: after a
// password was changed there first, say. The log tells that it refuses, once.
func TestConnectOutlastsRefusals(t *testing.T) {
	d := &door{}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, CustomClientAuthentication: d})
	testenv.Must(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	var log testenv.Lines
	servers := "nats://who:hunter2-hunter2@" + s.Addr().String()
	nc, err := events.Connect(servers, "", "test", slog.New(slog.NewTextHandler(&log, nil)))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	for round := range 2 {
		d.refusesSeveral(t)
		d.open.Store(true)
		testenv.Eventually(t, 30*time.Second, func() error {
			if !nc.IsConnected() {
				return errors.New(nc.Status().String())
			}
			return nil
		})
		if round == 0 {
			d.open.Store(false)
			testenv.Must(t, nc.ForceReconnect())
		}
	}
	if log.Count("no server yet") != 1 || log.Count("uthorization ") < 2 || log.Count("refuses us") != 1 {
		t.Errorf("want each outage told once, with the reason; the log says:\n%s", log.String())
	}
	if log.Count("hunter2") > 0 || log.Count(s.Addr().String()) == 0 {
		t.Errorf("the log names no server, or too much:\n%s", log.String())
	}
}

// A URL of something else would be taken for a server that is not up yet.
func TestConnectRefusesOtherSchemes(t *testing.T) {
	for _, servers := range []string{"http://127.0.0.1:1", "nats://127.0.0.1:1,redis://u:hunter2-hunter2@127.0.0.1:1"} {
		nc, err := events.Connect(servers, "", "test", slog.New(slog.DiscardHandler))
		if err == nil {
			nc.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "nats://") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", servers, err)
		}
	}
}

func (d *door) refusesSeveral(t *testing.T) {
	t.Helper()
	before := d.refused.Load()
	testenv.Eventually(t, 30*time.Second, func() error {
		if d.refused.Load() < before+4 {
			return errors.New("it has given up")
		}
		return nil
	})
}
