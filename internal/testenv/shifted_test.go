//go:build unix

package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

// What this file shows of the wrong clocks is what the fault runs rest on: if
// they were right, or nothing expired by them, no fault would show anything.

// leaping is how far clocks leap here, and shortLived what that ends.
const (
	leaping    = 40 * time.Minute
	shortLived = 15 * time.Minute
)

func TestNATSExpiresByItsClock(t *testing.T) {
	n := testenv.NATSProcess(t, backend.NATSOptions{Leaping: true})
	s := addExpiring(t, connect(t, n.URL()), 1)
	for _, off := range []time.Duration{0, leaping, 0} {
		n.Clock.Set(off)
		if got := time.Until(timeOf(t, s)); (got - off).Abs() > 30*time.Second {
			t.Errorf("the clock is off by %v, want %v", got, off)
		}
		if off > 0 {
			awaitExpiry(t, s, func() error { return nil })
		}
	}
}

// One replica forgets what the others hold, and shows that once it leads.
func TestReplicaExpiresByItsClock(t *testing.T) {
	c := testenv.LeapingNATSCluster(t, backend.NATSOptions{}, 3)
	s := addExpiring(t, connect(t, c.URL()), 3)
	leader, err := c.Leader(t.Context(), "S")
	testenv.Must(t, err)
	follower := c.Nodes[0]
	if follower == leader {
		follower = c.Nodes[1]
	}
	follower.Clock.Set(leaping)
	if gone(t, s, 1) == nil {
		t.Fatal("expired at the leader, whose clock is right")
	}
	awaitExpiry(t, s, func() error { return c.Lead(t.Context(), "S", follower) }) // a busy machine may have them elect again
}

// addExpiring adds a stream with a message that expires by a leap, one that does
// not, and many that expire all the time, as in any log that is older than its
// entries live: a server looks at its clock only when one is about to expire, and
// does not notice a leap in between.
func addExpiring(t *testing.T, js jetstream.JetStream, replicas int) jetstream.Stream {
	t.Helper()
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "S", Subjects: []string{"s.>"}, Replicas: replicas, AllowMsgTTL: true,
	})
	testenv.Must(t, err)
	for _, ttl := range []time.Duration{shortLived, 2 * leaping, time.Second} {
		_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "s.x"}, jetstream.WithMsgTTL(ttl))
		testenv.Must(t, err)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	ctx, stop := context.WithCancel(t.Context())
	var ticking sync.WaitGroup
	ticking.Go(func() {
		for ctx.Err() == nil {
			_, _ = js.PublishMsg(ctx, &nats.Msg{Subject: "s.tick"}, jetstream.WithMsgTTL(time.Second)) // fails without a leader
			<-tick.C
		}
	})
	t.Cleanup(func() { stop(); ticking.Wait() })
	testenv.Eventually(t, time.Minute, func() error { return gone(t, s, 3) }) // since then some expire all the time
	return s
}

func timeOf(t *testing.T, s jetstream.Stream) time.Time {
	t.Helper()
	info, err := s.Info(t.Context())
	testenv.Must(t, err)
	return info.TimeStamp
}

// gone returns nil once the leader has no message of that number.
func gone(t *testing.T, s jetstream.Stream, seq uint64) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := s.GetMsg(ctx, seq); !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("message %d is still there: %v", seq, err)
	}
	return nil
}

func awaitExpiry(t *testing.T, s jetstream.Stream, lead func() error) {
	t.Helper()
	start := time.Now()
	testenv.Eventually(t, time.Minute, func() error {
		if err := lead(); err != nil {
			return err
		}
		return gone(t, s, 1)
	})
	t.Logf("expired %v after the leap", time.Since(start).Round(time.Millisecond))
	if gone(t, s, 2) == nil {
		t.Error("expired too, although it lives longer than the leap")
	}
}

func TestRedisExpiresByItsClock(t *testing.T) {
	primary := testenv.Redis(t, backend.RedisOptions{AppendOnly: true, Leaping: true})
	replica := testenv.Replica(t, primary, "")
	c := client(t, primary)
	testenv.Must(t, c.Set(t.Context(), "k", "v", shortLived).Err())
	primary.Clock.Set(leaping)
	if off := time.Until(c.Time(t.Context()).Val()) - leaping; off.Abs() > 30*time.Second {
		t.Errorf("after a leap of %v the clock is off by %v more", leaping, off)
	}
	if off := time.Until(client(t, replica).Time(t.Context()).Val()); off.Abs() > 30*time.Second {
		t.Errorf("the replica's clock is off by %v, and did not leap", off)
	}
	if got := get(t, c); got != "" {
		t.Errorf("%q is still there", got)
	}
}

func TestRestoredImage(t *testing.T) {
	r := testenv.Redis(t, backend.RedisOptions{AppendOnly: true})
	c := client(t, r)
	testenv.Must(t, c.Set(t.Context(), "k", "old", 0).Err())
	image, err := r.Image(t.Context())
	testenv.Must(t, err)
	testenv.Must(t, c.Set(t.Context(), "k", "new", 0).Err())
	testenv.Must(t, errors.Join(r.Kill(), r.RestoreImage(t.Context(), image)))
	if got := get(t, client(t, r)); got != "old" {
		t.Fatalf("%q after the image was restored", got)
	}
	testenv.Must(t, client(t, r).Set(t.Context(), "k", "newer", 0).Err())
	testenv.Must(t, errors.Join(r.Kill(), r.Restart(t.Context())))
	if got := get(t, client(t, r)); got != "newer" {
		t.Errorf("%q after a restart: it keeps nothing any more", got)
	}
	if err := r.RestoreImage(t.Context(), image); err == nil || !strings.Contains(err.Error(), "running") {
		t.Errorf("restored while it runs: %v", err)
	}
}
