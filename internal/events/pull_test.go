package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/testenv"
)

func openLog(t *testing.T) *JetStream {
	nc, err := Connect(testenv.NATS(t).URL(), "", t.Name(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log, err := NewJetStream(nc, "test", 1)
	if err == nil {
		err = log.Ensure(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// A log much longer than what is asked for ahead.
func TestFollowPullsAgain(t *testing.T) {
	log, n := openLog(t), 2*followBatch+followBatch/2
	for i := range n {
		msg := nats.NewMsg(log.subjects.Beat())
		msg.Data = fmt.Append(nil, i)
		if _, err := log.js.PublishMsgAsync(msg, jetstream.WithStallWait(20*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	<-log.js.PublishAsyncComplete()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	read := 0
	for m, err := range log.Follow(ctx, Cursor{}) {
		if err != nil {
			t.Fatalf("after %d of %d: %v", read, n, err)
		}
		if want := fmt.Sprint(read); string(m.Data) != want || m.Pending != uint64(n-read-1) {
			t.Fatalf("message %d is %q with %d pending", read, m.Data, m.Pending)
		}
		if read++; read == n {
			break
		}
	}
}

func TestFollowEndsWithItsConsumer(t *testing.T) {
	log := openLog(t)
	stream, err := log.js.Stream(t.Context(), log.subjects.Stream())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for t.Context().Err() == nil {
			for c := range stream.ListConsumers(t.Context()).Info() {
				if c.NumWaiting > 0 { // a question that comes just then may be lost with it, and only silence tells
					_ = stream.DeleteConsumer(t.Context(), c.Name)
				}
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, err := range log.Follow(ctx, Cursor{}) {
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, errSilence) {
			t.Errorf("ended with %v, want ErrUnavailable at once", err)
		}
		return
	}
}

// What the server has delivered and did not arrive here is noticed by the next
// message. Another who pulls from the same consumer takes every second one.
func TestFollowEndsAtAGap(t *testing.T) {
	log := openLog(t)
	stream, err := log.js.Stream(t.Context(), log.subjects.Stream())
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		t.Helper()
		if _, err := log.Append(t.Context(), Record{Kind: KindBeat, Data: []byte("x"), TTL: time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	other, err := log.nc.SubscribeSync(log.nc.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	write()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	read := uint64(0)
	for m, err := range log.Follow(ctx, Cursor{}) {
		if err != nil {
			if !errors.Is(err, ErrGap) {
				t.Errorf("ended with %v, want ErrGap", err)
			}
			return
		}
		if read++; m.Seq != read {
			t.Fatalf("message %d after %d", m.Seq, read-1)
		}
		if read == 1 {
			for name := range stream.ConsumerNames(ctx).Name() {
				subject := "$JS.API.CONSUMER.MSG.NEXT." + log.subjects.Stream() + "." + name
				if err := log.nc.PublishRequest(subject, other.Subject, []byte(`{"batch":10,"expires":20000000000}`)); err != nil {
					t.Fatal(err)
				}
			}
			for range 6 {
				write()
			}
		}
	}
}

// What was under way when a connection broke is lost.
func TestFollowEndsWithItsConnection(t *testing.T) {
	log := openLog(t)
	if _, err := log.Append(t.Context(), Record{Kind: KindBeat, Data: []byte("x"), TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, err := range log.Follow(ctx, Cursor{}) {
		switch {
		case err == nil:
			if err := log.nc.ForceReconnect(); err != nil {
				t.Fatal(err)
			}
		case !errors.Is(err, ErrUnavailable), !errors.Is(err, errReconnected):
			t.Errorf("ended with %v, want %v", err, errReconnected)
		}
	}
}

func TestPullerNotesWhatTheServerSays(t *testing.T) {
	status := func(code, left string) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"Status": {code}, "Nats-Pending-Messages": {left}}}
	}
	for _, c := range []struct {
		name string
		msg  *nats.Msg
		open int // of 100
		fail bool
	}{
		{"heartbeat", status("100", "7"), 100, false},
		{"pull expired", status("408", "30"), 70, false},
		{"pull expired, with more left than is open", status("408", "300"), 0, false},
		{"pull expired, nobody knows with how many left", status("408", ""), 0, false},
		{"consumer deleted", status("409", ""), 100, true},
		{"nobody there", status("503", ""), 100, true},
		{"unheard of", status("299", ""), 100, true},
	} {
		p := &puller{open: 100}
		err := p.note(c.msg)
		if !isStatus(c.msg) || (err != nil) != c.fail || p.open != c.open {
			t.Errorf("%s: %v, %d open, want %d", c.name, err, p.open, c.open)
		}
	}
	for _, msg := range []*nats.Msg{
		{Data: []byte("x"), Header: nats.Header{"Status": {"100"}}},
		{Header: nats.Header{jetstream.MsgTTLHeader: {"1s"}}},
	} {
		if isStatus(msg) {
			t.Errorf("%v is taken for a status", msg)
		}
	}
}

// What is read by hand is what the client library reads.
func TestDeliveryIsReadAsTheLibraryDoes(t *testing.T) {
	const prefix = "$JS.ACK.CURFEW_test.abc."
	sub := &nats.Subscription{}
	for reply, plain := range map[string]bool{
		prefix + "1.17.16.1795477731528123456.4":                        true,
		prefix + "1.18446744073709551615.16.1795477731528123456.4":      false,
		"$JS.ACK._.hash.CURFEW_test.abc.1.17.16.1795477731528123456.4":  false,
		"$JS.ACK.hub.h.CURFEW_test.abc.1.17.16.1795477731528123456.4.r": false,
	} {
		msg := &nats.Msg{Reply: reply, Sub: sub}
		meta, err := msg.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		want := delivery{stream: meta.Sequence.Stream, consumer: meta.Sequence.Consumer, time: meta.Timestamp, pending: meta.NumPending}
		if got, err := deliveryOf(msg, prefix); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", reply, got, err, want)
		}
		if _, ok := plainDelivery(reply, prefix); ok != plain {
			t.Errorf("%s: read by hand: %t", reply, ok)
		}
	}
	for _, reply := range []string{"", "_INBOX.x", prefix, prefix + "1.2.3.4", prefix + "1.2.3.4.5.", prefix + "1.2.3.4.-5", prefix + "1.2.3.4.5.6"} {
		if d, ok := plainDelivery(reply, prefix); ok {
			t.Errorf("%q is read as %+v", reply, d)
		}
	}
}
