package guard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// An issuer that says that no edge accepts any more must know every node that
// may be fresh. So a node reports before it asks how far to read.
func TestReportsBeforeItAsks(t *testing.T) {
	m := newMesh(t)
	nc, err := nats.Connect(m.nats.URL())
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	all, err := nc.SubscribeSync("curfew.local.>")
	testenv.Must(t, err)
	testenv.Must(t, nc.Flush())
	for n := range 10 {
		id := fmt.Sprint("edge-", n)
		node := m.node(func(c *guard.Config) { c.ID = id })
		wantReportFirst(t, all, id)
		node.Close()
	}
}

// wantReportFirst reads up to the first question and fails the test unless there
// was a report before it.
func wantReportFirst(t *testing.T, all *nats.Subscription, id string) {
	t.Helper()
	for reported := false; ; {
		msg, err := all.NextMsg(ceiling)
		testenv.Must(t, err)
		switch {
		case msg.Subject == "curfew.local.edge."+id:
			reported = true
		case strings.HasPrefix(msg.Subject, "curfew.local.sync"):
			if !reported {
				t.Fatalf("%s asked before it reported", id)
			}
			return
		}
	}
}
