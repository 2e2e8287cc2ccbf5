package fleet

import (
	"testing"

	"github.com/curfew-auth/curfew/internal/events"
)

// A position counts only in the log that the question is about, as far as the
// issuer knows which that is.
func TestReached(t *testing.T) {
	for name, c := range map[string]struct {
		asked question
		at    events.Position
		want  bool
	}{
		"there":                 {question{Epoch: "e2", Seq: 7}, events.Position{Epoch: "e2", Seq: 7}, true},
		"not yet":               {question{Epoch: "e2", Seq: 7}, events.Position{Epoch: "e2", Seq: 6}, false},
		"in the log before":     {question{Epoch: "e2", Seq: 7}, events.Position{Epoch: "e1", Seq: 100}, false},
		"in whichever there is": {question{Seq: 7}, events.Position{Epoch: "e1", Seq: 7}, true},
		"in none":               {question{Seq: 0}, events.Position{}, false},
	} {
		if got := c.asked.reached(c.at); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
