package fleet_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/testenv"
)

const (
	thousand = 1000
	// perConnection is so that the test does without a thousand sockets; the
	// server delivers to every edge as if they were.
	perConnection = 20
	// fastest is what the fastest of some waits may take: less than the time
	// between two reports of an edge, so that none had to wait for one. It
	// takes a few hundredths of that; the race detector, on a thousand edges in
	// one process, makes it say nothing.
	fastest = time.Second
)

// TestThousandEdges: a thousand edges confirm in little time, by one question
// to all: a wait costs the issuer one message out and a thousand small ones in.
func TestThousandEdges(t *testing.T) {
	s := thousandEdges(t)
	questions, err := connect(t, s.server.URL()).SubscribeSync("curfew.local.report")
	testenv.Must(t, err)
	testenv.Must(t, questions.SetPendingLimits(-1, -1))

	var took []time.Duration
	for range 10 {
		began := time.Now()
		want(t, "all hold it", s.within(t, ceiling, 7, entry("held")), thousand, thousand, "")
		took = append(took, time.Since(began))
	}
	asked, _, err := questions.Pending()
	testenv.Must(t, err)
	if asked > 2*len(took) { // a connection that comes back asks again
		t.Errorf("%d questions for %d waits", asked, len(took))
	}
	slices.Sort(took)
	t.Logf("one at a time: the fastest %v, the median %v", took[0], took[len(took)/2])
	if took[0] > fastest && !testenv.RaceEnabled {
		t.Errorf("the fastest of %d waits took %v", len(took), took[0])
	}
}

// thousandEdges is a site whose edges all hold the entry, and have said that
// they are there.
func thousandEdges(t *testing.T) *site {
	t.Helper()
	s := newSite(t, 0)
	var nc *nats.Conn
	for n := range thousand {
		if n%perConnection == 0 {
			nc = connect(t, s.server.URL())
		}
		e := edgeOn(nc, fmt.Sprint("edge-", n))
		e.apply("e1", 7, entry("held"))
		background(t, e.Run)
	}
	awaitEdges(t, s.Registry, thousand)
	s.HeardSince(time.Second)
	return s
}
