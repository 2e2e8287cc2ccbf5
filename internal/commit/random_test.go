package commit_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// CI runs the same few storms every time. Whoever changes something here runs
// others too: one in some thousands may show what these do not.
//
//	go test ./internal/commit -run TestPromiseUnderRandomFaults -seed 5000 -seeds 2000
//
// Seeds that are odd may run into an assumption, "Stamps after a failover" of
// docs/consistency.md, as 502215 mostly does: all issuers die and the log is lost
// before a server with a slow clock takes over.
var (
	firstSeed = flag.Uint64("seed", 0, "first seed of TestPromiseUnderRandomFaults")
	seeds     = flag.Uint64("seeds", 48, "how many seeds it tries")
)

// TestPromiseUnderRandomFaults runs two issuers and three edges through random
// faults of log, store and issuers, alone and together, and checks the promise
// itself: what was answered with "committed" is accepted by no edge later than
// the staleness bound; who logs in after a committed cutoff stays in; and once
// the faults are gone, everything that either copy held is in both, within 20 s,
// without a restart.
//
// One assumption is left out on purpose: that both copies lose the same entry.
// No fault here takes an acknowledged entry out of the only copy that has it,
// so log and store are not wiped within a refill of each other. Every other storm
// promotes servers whose clock is behind; there the issuers' clocks are right.
func TestPromiseUnderRandomFaults(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inWorld(t, func(w *world) { newStorm(w, seed).run() })
		})
	}
}

type storm struct {
	*world
	rng     *rand.Rand
	slow    bool // promoted servers have slow clocks
	issuers []*issuer
	edges   []*edge
	running sync.WaitGroup
	stalled bool

	mu       sync.Mutex
	underWay map[string]bool
	answered map[string]time.Time
	logins
}

func newStorm(w *world, seed uint64) *storm {
	s := &storm{
		world: w, rng: rand.New(rand.NewPCG(seed, 2)),
		underWay: map[string]bool{}, answered: map[string]time.Time{}, slow: seed%2 == 1,
	}
	if s.slow {
		s.store.SetClock(0)
	}
	for n := range 2 {
		s.issuers = append(s.issuers, w.issuer(fmt.Sprint("issuer ", n)))
	}
	for n := range 3 {
		s.edges = append(s.edges, w.edge(fmt.Sprint("edge ", n)))
	}
	return s
}

func (s *storm) run() {
	s.settled(s.issuers...)
	for step := range 200 {
		switch k := s.rng.IntN(12); {
		case k < 2:
			s.fault()
		case k < 5:
			s.begin(fmt.Sprint("sid-", step))
		case k < 7:
			s.login()
			s.beginCut(fmt.Sprint("cut-", step), s.users()[s.rng.IntN(users)])
		case k == 8:
			s.login()
		case k == 7 && len(s.edges) < 6:
			s.edges = append(s.edges, s.edge(fmt.Sprint("late edge ", step)))
		}
		s.request(step)
		s.sleep(time.Duration(s.rng.IntN(600)) * time.Millisecond)
		s.check(fmt.Sprint("step ", step))
	}
	s.heal()
}

// begin revokes at some issuer, without waiting for the answer.
func (s *storm) begin(sid string) {
	i := s.issuers[s.rng.IntN(len(s.issuers))]
	s.mu.Lock()
	s.underWay[sid] = true
	s.mu.Unlock()
	s.running.Go(func() {
		committed, _ := s.revoke(i, sid)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.underWay, sid)
		if committed {
			s.answered[sid] = time.Now()
		}
	})
}

// request begins a decision that is held up between its steps, while other things
// go on. Its numbers are not those of the faults, so that a seed stays what it was.
func (s *storm) request(step int) {
	rng := rand.New(rand.NewPCG(uint64(step), 3))
	sid, e := fmt.Sprint("sid-", rng.IntN(step+1)), s.edges[rng.IntN(len(s.edges))]
	began, pauses := time.Now(), [2]time.Duration{}
	for i := range pauses {
		pauses[i] = time.Duration(rng.Int64N(int64(2 * staleness)))
	}
	s.running.Go(func() {
		held := 0
		accepted := e.decide(sid, func() { time.Sleep(pauses[held]); held++ })
		s.mu.Lock()
		defer s.mu.Unlock()
		if at, ok := s.answered[sid]; ok && accepted && began.Sub(at) > staleness {
			s.t.Errorf("accepted %s, by a request that began %s after the revocation and was held up for %s", sid, began.Sub(at), pauses)
		}
	})
}

func (s *storm) fault() {
	faults := []func(){
		func() { s.log.SetDown(true) }, func() { s.log.SetDown(false) },
		func() { s.stall(true) }, func() { s.stall(false) },
		func() { s.log.loseAcks(2) }, s.log.Interrupt,
		func() { s.loseLog(s.log.recreate) }, func() { s.loseLog(s.log.purge) },
		func() { s.loseLog(s.rollback) }, func() { s.loseLog(s.leap) },

		func() { s.store.SetDown(true) }, func() { s.store.SetDown(false) },
		func() { s.store.SetSlow(time.Duration(s.rng.IntN(60)) * time.Millisecond) },
		func() { s.store.SetSlow(0) },
		func() { s.store.LoseAcks(2) },
		func() { s.loseStore(s.store.Wipe) }, func() { s.loseStore(s.store.Restart) },
		func() { s.loseStore(s.failover) },
		func() { s.loseStore(s.evict) },
		func() { s.loseStore(s.leapStore) },

		s.kill, s.kill,
	}
	faults[s.rng.IntN(len(faults))]()
}

func (s *storm) stall(stalled bool) {
	s.stalled = stalled
	s.log.SetStalled(stalled)
}

// rollback takes the log back to where somebody has read more than is left.
func (s *storm) rollback() {
	if !s.stalled {
		s.log.rollback(s.log.first() + uint64(s.rng.IntN(40)))
	}
}

// leap moves the log's clock to one of a few hours, as does a change of its leader.
func (s *storm) leap() {
	s.log.leap([...]time.Duration{0, 20 * time.Minute, 40 * time.Minute, 3 * time.Hour, -20 * time.Minute}[s.rng.IntN(5)])
}

// loseLog applies a fault that the log loses entries by, unless the store lacks
// one that the log alone has.
func (s *storm) loseLog(fault func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.log.all() {
		if s.counts(nameOf(r)) && !s.stored(r) {
			return
		}
	}
	for _, c := range s.cuts {
		if r, ok := s.log.appended(c.name); ok && c.committed() && !s.stored(r) {
			return
		}
	}
	if len(s.log.all()) > 0 {
		fault()
	}
}

// loseStore is loseLog for the store. An entry that is under way may be lost
// with it: nobody has been told anything yet.
func (s *storm) loseStore(fault func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sid := range s.answered {
		if s.store.Holds(key(sid)) && !s.log.holds(sid) {
			return
		}
	}
	for _, c := range s.cuts {
		if r, ok := s.log.appended(c.name); ok && c.committed() && !s.log.covers(r) {
			return
		}
	}
	fault()
}

// evict throws away a revocation that somebody relies on.
func (s *storm) evict() {
	if sids := slices.Sorted(maps.Keys(s.answered)); len(sids) > 0 {
		s.store.Evict(key(sids[s.rng.IntN(len(sids))]))
	}
}

// leapStore moves the store's clock ahead, by which it drops what it should hold. Not
// where servers with slow clocks are promoted: one that was lost before any issuer
// has read its clock has handed out stamps that nobody knows of.
func (s *storm) leapStore() {
	if !s.slow {
		s.store.Leap(time.Duration(s.rng.IntN(40)) * time.Minute)
	}
}

// kill ends an issuer, at once or before a certain step, and starts another.
func (s *storm) kill() {
	n := s.rng.IntN(len(s.issuers))
	if op := []string{"", "revoke", "append", "settle", "apply", "vouch"}[s.rng.IntN(6)]; op != "" {
		s.issuers[n].dieBefore(op)
	} else {
		s.issuers[n].kill()
	}
	if s.issuers[1-n].dead() || s.issuers[n].dead() {
		s.revive()
	}
}

func (s *storm) revive() {
	for n, i := range s.issuers {
		if i.dead() {
			s.issuers[n] = s.issuer(fmt.Sprint("issuer ", s.rng.Uint64()))
		}
	}
}

func (s *storm) check(when string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for sid, at := range s.answered {
		for n, e := range s.edges {
			if ago := time.Since(at); ago > staleness && e.accepts(sid) {
				s.t.Fatalf("%s: edge %d accepts %s, revoked %s ago (fresh %t)", when, n, sid, ago, e.fresh())
			}
		}
	}
	s.checkLogins(when, 20*users)
}

func (s *storm) heal() {
	s.log.SetDown(false)
	s.stall(false)
	s.log.loseAcks(0)
	s.store.SetDown(false)
	s.store.SetSlow(0)
	s.store.LoseAcks(0)
	for _, i := range s.issuers {
		i.dieBefore("")
	}
	s.revive()
	s.running.Wait()
	synctest.Wait()
	held := s.heldByEither()
	s.sleep(20 * time.Second)
	for _, r := range held {
		if !s.log.covers(r) || !s.stored(r) {
			s.t.Fatalf("%s %s: in the log %t, in the store %t, want both", r.Scope, r.Subject, s.log.covers(r), s.stored(r))
		}
	}
	s.check("healed")
	s.checkLogins("healed", len(s.tokens))
	for n, e := range s.edges {
		if !e.fresh() {
			s.t.Fatalf("edge %d is not fresh, 20 s after the faults", n)
		}
	}
	if !s.vouched() {
		s.t.Fatal("nobody vouches for the store, 20 s after the faults")
	}
	s.mustLogInAgain()
}

func (s *storm) heldByEither() []events.Revocation {
	held := s.log.all()
	for r := range s.store.Client(nil).Live(s.ctx) {
		held = append(held, r)
	}
	return held
}
