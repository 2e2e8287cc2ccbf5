package audit_test

import (
	"fmt"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func numbered(n int) session.Event {
	return session.Event{Kind: session.EventRefresh, Reason: strconv.Itoa(n)}
}

// wantNumbers checks that the stream begins with these, in this order.
func (b *bench) wantNumbers(t *testing.T, numbers ...int) {
	t.Helper()
	for i, s := range b.await(t, len(numbers)) {
		if want := strconv.Itoa(numbers[i]); s.event.Reason != want {
			t.Errorf("event %d is number %s, want %s", i, s.event.Reason, want)
		}
	}
	if n := b.count(t); n != uint64(len(numbers)) {
		t.Errorf("the stream has %d events, want %d", n, len(numbers))
	}
}

func TestEventsArriveWhole(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	full := session.Event{
		ID: "e-1", At: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Tenant: "acme", UserID: "u-1", Username: "ann",
		SessionID: "s-1", Device: session.Device{ID: "d-1", Kind: "web", Name: "laptop"}, IP: "192.0.2.1", UserAgent: "test/1",
		RequestID: "r-1", Reason: "because", Actor: "boss", Action: "revoke", Scope: "session", Subject: "s-1", RevocationID: "v-1",
	}
	var want []session.Event
	for _, kind := range session.EventKinds() {
		e := full
		e.Kind, e.ID = kind, "e-"+kind
		want = append(want, e)
		b.Record(e)
	}
	for i, got := range b.await(t, len(want)) {
		if !reflect.DeepEqual(got.event, want[i]) {
			t.Errorf("got %+v, want %+v", got.event, want[i])
		}
		if got.subject != "curfew.test.session."+want[i].Kind || got.msgID != want[i].ID {
			t.Errorf("%s came on %s as message %q", want[i].ID, got.subject, got.msgID)
		}
	}
}

func TestEventsGetAnID(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.Record(numbered(1))
	b.Record(numbered(2))
	got := b.await(t, 2)
	if a, c := got[0], got[1]; a.event.ID == "" || a.event.ID == c.event.ID || a.msgID != a.event.ID {
		t.Errorf("got %+v and %+v", a, c)
	}
}

// A publish whose answer is lost comes again with the same id.
func TestSameIDIsOneEvent(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	for _, n := range []int{1, 1, 2} {
		e := numbered(n)
		e.ID = fmt.Sprint("e-", n)
		b.Record(e)
	}
	b.wantNumbers(t, 1, 2)
}

func TestDeliveredAfterNATSWasAway(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.Record(numbered(0))
	b.wantNumbers(t, 0)
	b.nats.Stop()
	for n := 1; n <= 3; n++ {
		b.Record(numbered(n))
	}
	b.nats.Restart()
	b.wantNumbers(t, 0, 1, 2, 3)
	if b.lost(t) != 0 {
		t.Errorf("%v lost", b.lost(t))
	}
}

// A trail that waited for each event's acknowledgement before it sends the next
// would take as long as a thousand of them, and a burst would fill its backlog.
func TestAcknowledgementsAreNotWaitedForOneByOne(t *testing.T) {
	const events, delay = 1000, 50 * time.Millisecond
	b := newBench(t, audit.Config{})
	b.run(t)
	b.Record(numbered(0))
	b.await(t, 1)
	testenv.Must(t, b.between.Delay(delay))
	began, want := time.Now(), []int{0}
	for n := 1; n <= events; n++ {
		b.Record(numbered(n))
		want = append(want, n)
	}
	b.wantNumbers(t, want...)
	if took := time.Since(began); took > events*delay/4 {
		t.Errorf("%d events took %v, with an acknowledgement after %v", events, took, 2*delay)
	}
}

// The stream may be gone afterwards.
func TestStreamIsMadeAnew(t *testing.T) {
	b := newBench(t, audit.Config{MaxAge: time.Hour})
	b.run(t)
	b.Record(numbered(0))
	b.wantNumbers(t, 0)
	b.nats.WipeAndRestart()
	b.Record(numbered(1))
	b.wantNumbers(t, 1)
	if c := b.streamConfig(t); c.MaxAge != time.Hour {
		t.Errorf("max age %v", c.MaxAge)
	}
}

func TestFullBacklogRefusesTheNewest(t *testing.T) {
	b := newBench(t, audit.Config{Backlog: 3})
	for n := range 10 {
		b.Record(numbered(n)) // nothing is published before Run
	}
	if b.lost(t) != 7 {
		t.Errorf("%v lost, want 7", b.lost(t))
	}
	if n := b.logs.Count("audit backlog full"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	b.run(t)
	b.wantNumbers(t, 0, 1, 2)
	b.Record(numbered(10))
	b.wantNumbers(t, 0, 1, 2, 10)
}

func TestWhatIsLeftGoesOutAtTheEnd(t *testing.T) {
	b := newBench(t, audit.Config{})
	var want []int
	for n := range 20 {
		b.Record(numbered(n))
		want = append(want, n)
	}
	b.run(t)() // ends at once
	b.wantNumbers(t, want...)
	if b.lost(t) != 0 {
		t.Errorf("%v lost", b.lost(t))
	}
}

// The end comes even if NATS does not, and what was lost is known.
func TestTheEndDoesNotWaitForNATS(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.nats.Stop()
	for n := range 20 {
		b.Record(numbered(n))
	}
	ended := make(chan struct{})
	go func() { b.run(t)(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the trail does not end")
	}
	if b.lost(t) != 20 || b.logs.Count("audit events lost at the end") != 1 {
		t.Errorf("%v lost, logged %d times", b.lost(t), b.logs.Count("audit events lost at the end"))
	}
}
