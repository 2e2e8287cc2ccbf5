package commit

import (
	"testing"
	"time"
)

// A guard may be given up to five minutes. Where such nodes stand in for each other the
// others go by that, and enforced must not come before.
func TestBoundOfAGuardThatStandsIn(t *testing.T) {
	var b bounds
	b.set(5 * time.Second)
	b.saw(4 * time.Minute)
	if got := b.largest(); got < 4*time.Minute {
		t.Errorf("the largest bound is taken for %v", got)
	}
}
