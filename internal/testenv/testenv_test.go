package testenv_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/testenv"
)

func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	testenv.Must(t, err)
	return js
}

func addStream(t *testing.T, js jetstream.JetStream, replicas int) {
	t.Helper()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "S", Subjects: []string{"s"}, Replicas: replicas,
	})
	testenv.Must(t, err)
}

func publish(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	testenv.Eventually(t, 30*time.Second, func() error { return tryPublish(t, js) })
}

func tryPublish(t *testing.T, js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := js.Publish(ctx, "s", nil)
	return err
}

func messages(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	var n uint64
	testenv.Eventually(t, 30*time.Second, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s, err := js.Stream(ctx, "S")
		if err == nil {
			n = s.CachedInfo().State.Msgs
		}
		return err
	})
	return n
}

func TestEmbeddedNATS(t *testing.T) {
	n := testenv.NATS(t)
	url := n.URL()
	js := connect(t, url)
	addStream(t, js, 1)
	publish(t, js)
	n.Restart()
	if got := messages(t, js); got != 1 || n.URL() != url {
		t.Fatalf("%d messages at %s after a restart, want 1 at %s", got, n.URL(), url)
	}
	n.WipeAndRestart()
	testenv.Eventually(t, 10*time.Second, func() error {
		_, err := js.Stream(t.Context(), "S")
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return nil
		}
		return errors.Join(err, errors.New("the stream is still there"))
	})
}

func TestEventually(t *testing.T) {
	looks := 0
	testenv.Eventually(t, 10*time.Second, func() error {
		if looks++; looks < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if looks != 3 {
		t.Fatalf("%d looks", looks)
	}
}
