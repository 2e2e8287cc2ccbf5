package events_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// Who stops answering answers what it has been asked, and is not asked again.
func TestExchangeStopsInOrder(t *testing.T) {
	nc, err := events.Connect(testenv.NATS(t).URL(), "", "test", slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	x := events.NewNATSExchange(nc, "local")
	asked, release := make(chan struct{}), make(chan struct{})
	var first sync.Once // later questions wait for it
	stop, err := x.Serve(t.Context(), func(context.Context, events.Question) (events.Answer, error) {
		first.Do(func() { close(asked); <-release })
		return events.Answer{Seq: 7}, nil
	})
	testenv.Must(t, err)
	answered := make(chan error, 1)
	go func() {
		a, err := x.Ask(t.Context(), events.Question{})
		if err == nil && a.Seq != 7 {
			err = errors.New("another answer")
		}
		answered <- err
	}()
	<-asked
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	testenv.Eventually(t, time.Minute, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // a question that came in time waits
		defer cancel()
		for _, everyone := range []bool{false, true} {
			if _, err := x.Ask(ctx, events.Question{Everyone: everyone}); !errors.Is(err, events.ErrNoAnswerer) {
				return errors.Join(errors.New("still asked"), err)
			}
		}
		return nil
	})
	select {
	case <-stopped:
		t.Error("stopped with a question unanswered")
	case <-time.After(200 * time.Millisecond): // in which it would have stopped, if it did not wait
	}
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	<-stopped
}
