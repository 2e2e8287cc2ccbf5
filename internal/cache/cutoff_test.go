package cache

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testToken is one of user u, with subjects and ids of its own.
func testToken(u int, stamp int64) *Token {
	return &Token{
		IDs:  [...]Key{testKey(1_000_000 + u), testKey(2_000_000 + u), testKey(3_000_000)},
		User: testKey(u), Tenant: testKey(4_000_000), All: testKey(4_000_001), Stamp: stamp,
	}
}

func wantCheck(t *testing.T, c *Copy, want Answer, tok *Token) {
	t.Helper()
	if got := c.Check(tok); got != want {
		t.Errorf("stamp %d: %v, want %v", tok.Stamp, got, want)
	}
}

func TestCutoffCoversWhatIsStampedUpToIt(t *testing.T) {
	type cutFunc func(c *Copy, at Cutoff)
	for name, cut := range map[string]cutFunc{
		"user":   func(c *Copy, at Cutoff) { c.Cut(testKey(1), at, time.Hour) },
		"tenant": func(c *Copy, at Cutoff) { c.CutWide(testKey(4_000_000), at, time.Hour) },
		"all":    func(c *Copy, at Cutoff) { c.CutWide(testKey(4_000_001), at, time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCopy(t, 100, Monotonic())
			c.Renew(c.Now())
			wantCheck(t, c, Clear, testToken(1, 1))
			cut(c, Cutoff{End: 500})
			cut(c, Cutoff{End: 400}) // they merge by the larger
			cut(c, Cutoff{Refresh: 700})
			for stamp, want := range map[int64]Answer{
				1: Revoked, 499: Revoked, 500: Revoked, 501: Outdated, 700: Outdated, 701: Clear,
			} {
				wantCheck(t, c, want, testToken(1, stamp))
			}
			if name == "user" {
				wantCheck(t, c, Clear, testToken(2, 1))
			}
			c.Lose() // and a positive is final
			wantCheck(t, c, Revoked, testToken(1, 500))
			wantCheck(t, c, Outdated, testToken(1, 700))
			wantCheck(t, c, Unknown, testToken(1, 701))
		})
	}
}

func TestNamedByAnyID(t *testing.T) {
	for i := range 3 {
		c, tok := newCopy(t, 100, Monotonic()), testToken(1, 9)
		c.Renew(c.Now())
		c.Add(tok.IDs[i], time.Hour)
		wantCheck(t, c, Revoked, tok)
	}
}

func TestCutoffLeavesAfterItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 100, Monotonic())
		c.Cut(testKey(1), Cutoff{End: 5}, time.Minute)
		c.Cut(testKey(1), Cutoff{End: 4}, 2*time.Minute)
		time.Sleep(2*time.Minute - time.Second)
		wantCheck(t, c, Revoked, testToken(1, 5))
		time.Sleep(2 * time.Second)
		c.Renew(c.Now())
		wantCheck(t, c, Clear, testToken(1, 5))
		c.Sweep()
		if c.Entries() != 0 {
			t.Errorf("%d entries left", c.Entries())
		}
	})
}

// No number of users pushes out a cutoff of a tenant or of all.
func TestUsersDoNotPushOutTheWide(t *testing.T) {
	c := newCopy(t, 4, Monotonic())
	c.CutWide(testKey(4_000_001), Cutoff{End: 5}, time.Hour)
	for u := range 10_000 {
		c.Cut(testKey(u), Cutoff{End: 1}, time.Hour)
	}
	c.Renew(c.Now())
	wantCheck(t, c, Revoked, testToken(1, 5))
}

// The model is a plain map that forgets nothing: whatever is cut, evicted,
// swept and slept, a token under a cutoff is never Clear.
func TestCutoffsAgainstAMap(t *testing.T) {
	for entries, users := range map[int]int{4: 1000, 400: 10_000, 20_000: 20_000} {
		synctest.Test(t, func(t *testing.T) { cutoffsAgainstAMap(t, entries, users) })
	}
}

func cutoffsAgainstAMap(t *testing.T, entries, users int) {
	type held struct {
		stamp int64
		until time.Duration
	}
	rng := rand.New(rand.NewPCG(6, uint64(entries)))
	c, model := newCopy(t, entries, Monotonic()), map[int]held{}
	known := 0
	for range 4 * users {
		u, stamp := rng.IntN(2*users), rng.Int64N(1000)+1
		switch op := rng.IntN(1000); {
		case op < 300:
			u %= users
			ttl := time.Duration(rng.Int64N(int64(20 * time.Minute)))
			c.Cut(testKey(u), Cutoff{End: stamp}, ttl)
			if m := model[u]; stamp >= m.stamp || c.Now() >= m.until {
				model[u] = held{stamp, c.Now() + ttl}
			}
		case op < 302:
			time.Sleep(time.Duration(rng.Int64N(int64(5 * time.Second))))
			c.Sweep()
		default:
			c.Renew(c.Now())
			answer, m := c.Check(testToken(u, stamp)), model[u]
			if c.Now() < m.until && stamp <= m.stamp && answer == Clear {
				t.Fatalf("%d entries: user %d is cut at %d, stamp %d is Clear", entries, u, m.stamp, stamp)
			}
			if answer == Revoked && u >= users {
				t.Fatalf("user %d was never cut", u)
			}
			if answer != Unknown {
				known++
			}
		}
	}
	if entries < users && c.Overflowed() == 0 || known < users {
		t.Errorf("%d entries: %d overflowed, %d known: the test shows nothing", entries, c.Overflowed(), known)
	}
}

// Cutoffs rise while others come, grow the table and are evicted, and readers
// check: what was cut before the check began is never Clear.
func TestCutoffsUnderRace(t *testing.T) {
	const users = 64
	for _, entries := range []int{4, 4 * users, 100_000} {
		c := newCopy(t, entries, Monotonic())
		var cut [users]atomic.Int64
		var stop atomic.Bool
		var writer, readers sync.WaitGroup
		for w := range 2 {
			writer.Go(func() {
				for i := range 20_000 {
					u := (2*i + w) % users
					c.Cut(testKey(u), Cutoff{End: int64(i)}, time.Hour)
					cut[u].Store(int64(i))
					c.Cut(testKey(users+i), Cutoff{End: 1}, time.Hour)
				}
			})
		}
		for range 2 {
			readers.Go(func() {
				for u := 0; !stop.Load(); u = (u + 1) % users {
					c.Renew(c.Now())
					if at := cut[u].Load(); at > 0 && c.Check(testToken(u, at)) == Clear {
						t.Errorf("%d entries: user %d is cut at %d, but Clear", entries, u, at)
						return
					}
				}
			})
		}
		writer.Wait()
		stop.Store(true)
		readers.Wait()
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	c := newCopy(t, 1000, Monotonic())
	c.Renew(c.Now())
	for u := range 10 {
		c.Cut(testKey(u), Cutoff{End: 5, Refresh: 7}, time.Hour)
		c.CutWide(testKey(4_000_000+u), Cutoff{End: 5}, time.Hour)
	}
	tok := testToken(3, 9)
	if n := testing.AllocsPerRun(1000, func() { c.Check(tok) }); n != 0 {
		t.Errorf("Check allocates %v times", n)
	}
	wantCheck(t, c, Clear, tok)
}
