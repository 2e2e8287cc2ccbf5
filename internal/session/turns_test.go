package session

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func take(t *testing.T, turns *Turns) func() {
	t.Helper()
	done, err := turns.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func wantBusy(t *testing.T, err error) {
	t.Helper()
	if d, ok := errors.AsType[*Delay](err); !ok || !errors.Is(err, ErrBusy) || d.After != turnWait {
		t.Errorf("got %v", err)
	}
}

func TestTurnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		first, second := take(t, turns), take(t, turns)
		served := make(chan func(), 1)
		go func() {
			done, err := turns.Take(t.Context())
			if err != nil {
				t.Error(err)
			}
			served <- done
		}()
		synctest.Wait()
		if len(served) != 0 || len(turns.waiting) != 1 {
			t.Fatal("three at once")
		}
		first()
		third := <-served
		second()
		third()
		if len(turns.running) != 0 || len(turns.waiting) != 0 {
			t.Error("a place was not given back")
		}
	})
}

func TestTurnsRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		defer take(t, turns)()
		began, refused := time.Now(), make(chan error, turnQueue)
		for range turnQueue {
			go func() {
				_, err := turns.Take(t.Context())
				refused <- err
			}()
		}
		synctest.Wait()
		_, err := turns.Take(t.Context()) // the queue is full: at once
		wantBusy(t, err)
		if time.Since(began) != 0 {
			t.Error("the full queue let somebody wait")
		}
		for range turnQueue {
			wantBusy(t, <-refused)
		}
		if waited := time.Since(began); waited != turnWait {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestTurnsEndWithTheContext(t *testing.T) {
	turns := NewTurns(1)
	defer take(t, turns)()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Take(ctx); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(turns.waiting) != 0 {
		t.Error("a place was not given back")
	}
}

// Logins leave processors to refreshes.
func TestTurnsDefault(t *testing.T) {
	if got, want := cap(NewTurns(0).running), max(1, runtime.GOMAXPROCS(0)/2); got != want {
		t.Errorf("%d at once, want %d", got, want)
	}
}
