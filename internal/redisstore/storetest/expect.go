package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got %v, want %v", what, err, want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// eventually waits for a condition that only the server's clock can bring.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// live returns what Live yields, by subject.
func (r *room) live(t *testing.T) map[string]events.Revocation {
	t.Helper()
	found := map[string]events.Revocation{}
	for rev, err := range r.store.Live(t.Context()) {
		must(t, err)
		found[rev.Subject] = rev
	}
	return found
}
