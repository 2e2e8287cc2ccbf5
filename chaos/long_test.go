//go:build unix

package chaos

import (
	"cmp"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestLong runs when it is asked for, see the package comment. Otherwise it has
// no subtests and passes: it is not skipped, since nobody asked for it.
func TestLong(t *testing.T) {
	if os.Getenv("CURFEW_CHAOS") != "long" {
		t.Log("to run this, use make chaos")
		return
	}
	lasting, err := time.ParseDuration(cmp.Or(os.Getenv("CHAOS_DURATION"), "60s"))
	testenv.Must(t, err)
	seed := number(t, "CHAOS_SEED", time.Now().UnixNano())
	pairs := min(number(t, "CHAOS_PAIRS", 16), maxPairs)
	t.Logf("CHAOS_SEED=%d", seed)

	r := newRun(t, lasting)
	r.flood, r.strict = 100_000, true
	faults := single()
	last := len(faults) - 1 // the flood
	plan := append(faults[:last:last], somePairs(faults, int(pairs), seed)...)
	r.these(t, append(plan, faults[last]))
	r.finish(t, os.Getenv("CHAOS_REPORT"))
}

// maxPairs is a number of pairs that there are in any case.
const maxPairs = 100

// somePairs chooses different pairs of faults that may happen together. Three of
// four have one of those that were thought of last.
func somePairs(faults []fault, n int, seed int64) (pairs []fault) {
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	chosen := make(map[[2]int]bool)
	for len(pairs) < n {
		i, j := rng.IntN(len(faults)), rng.IntN(len(faults))
		a, b := faults[i], faults[j]
		known := len(pairs)%4 < 3 && !a.recent && !b.recent
		if !known && !a.hurts(b) && !chosen[[2]int{i, j}] && !chosen[[2]int{j, i}] {
			chosen[[2]int{i, j}] = true
			later := time.Duration(rng.Int64N(int64(2 * staleness)))
			pairs = append(pairs, pair(a, b, later, rng.IntN(2) == 0))
		}
	}
	return pairs
}

func number(t *testing.T, name string, otherwise int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	testenv.Must(t, err)
	return n
}
