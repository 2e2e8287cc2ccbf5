package guard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A node tells what it trusts its copy for, and that it cannot read all of the
// log: in its status, and to the issuers.
func TestStatusTellsBoundAndDoubt(t *testing.T) {
	m := newMesh(t)
	m.keep()
	nc, err := nats.Connect(m.nats.URL())
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	reports, err := nc.SubscribeSync("curfew.local.edge.edge")
	testenv.Must(t, err)
	n := m.node(nil)
	reported := func(doubt bool) {
		t.Helper()
		testenv.Eventually(t, ceiling, func() error {
			msg, err := reports.NextMsg(ceiling)
			if err != nil {
				return err
			}
			var r fleet.Report
			testenv.Must(t, json.Unmarshal(msg.Data, &r))
			if r.Doubt != doubt || r.StalenessMS != staleness.Milliseconds() {
				return fmt.Errorf("%+v", r)
			}
			return nil
		})
	}
	reported(false)
	if s := n.Status(); s.Doubt || s.Staleness != staleness {
		t.Errorf("%+v", s)
	}
	_, err = m.log.Append(t.Context(), events.Record{
		Kind: events.KindRevocation, Scope: "galaxy", Data: []byte(`{"id":"r","scope":"galaxy"}`), TTL: time.Hour,
	})
	testenv.Must(t, err)
	testenv.Eventually(t, ceiling, func() error {
		if s := n.Status(); !s.Doubt {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	reported(true)
}

// The mode of a Config is a default: a program may have stricter routes. So a
// node holds what is revoked in every mode, and can be asked.
func TestStatelessNodesHoldRevocations(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(func(c *guard.Config) { c.Mode = guard.Stateless })
	m.commit(events.ScopeSession, "s-1")
	testenv.Eventually(t, ceiling, func() error {
		if !n.Holds(fleet.Entry{Scope: events.ScopeSession, Issuer: issuer, Subject: "s-1"}) {
			return errors.New("not held")
		}
		return nil
	})
	n.eventuallyIn(t, guard.Local, m.token("s-1", "", time.Hour), guard.ErrRevoked)
}
