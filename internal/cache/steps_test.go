package cache

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// between has f called between any two steps of a decision.
func (c *Copy) between(f func(step string)) {
	c.hook, c.fresh.hook = f, f
	for _, set := range c.sets() {
		set.hook = f
	}
}

// A scene is one decision about a token that was revoked, seen from outside: the
// revocation was answered at an instant of the clock, and reaches the copy by one
// of the actions or not at all.
type scene struct {
	*Copy
	now     time.Duration
	revoked time.Duration // when that was answered
	judged  time.Duration // what the decision took for now
	tok     *Token
	todo    []act
	steps   int
	trace   string
}

// An act is an action and the step before which it happens.
type act struct{ action, step int }

// The actions keep the follower's rule: it renews only when it has applied all
// that was answered before, or loses what it was told.
var actions = []struct {
	name string
	do   func(s *scene)
}{
	{"add+renew", func(s *scene) { s.Add(s.tok.IDs[1], time.Hour); s.Renew(s.now) }},
	{"cut+renew", func(s *scene) { s.Cut(s.tok.User, Cutoff{End: s.tok.Stamp}, time.Hour); s.Renew(s.now) }},
	{"cut all+renew", func(s *scene) { s.CutWide(s.tok.All, Cutoff{End: s.tok.Stamp}, time.Hour); s.Renew(s.now) }},
	{"refresh tenant+renew", func(s *scene) {
		s.CutWide(s.tok.Tenant, Cutoff{Refresh: s.tok.Stamp}, time.Hour)
		s.Renew(s.now)
	}},
	{"doubt+renew", func(s *scene) { s.Doubt(time.Hour); s.Renew(s.now) }},
	{"lose", func(s *scene) { s.Lose() }},
	{"lose, while a renewal is under way", func(s *scene) { // Renew has looked at what was lost, and not yet stored
		s.Lose()
		raise(&s.fresh.asOf, int64(s.now)+1)
	}},
	{"leap", func(s *scene) { s.now += bound + 1 }},
	{"sweep", func(s *scene) { s.Sweep() }},
	{"evict", func(s *scene) { // there is room for one
		s.Add(testKey(77), time.Hour)
		s.Cut(testKey(77), Cutoff{End: 1}, time.Hour)
	}},
}

// Where the copy may stand when the decision begins.
var stands = map[string]func(s *scene){
	"cut off for longer than the bound": func(s *scene) {
		s.Renew(time.Second)
		s.revoked, s.now = 3*time.Second, 21*time.Second
	},
	"fresh, revoked this moment": func(s *scene) {
		s.now = 20 * time.Second
		s.Renew(s.now)
		s.revoked = s.now
	},
	"fresh, but lost": func(s *scene) {
		s.now, s.revoked = 20*time.Second, time.Second
		s.Renew(s.now)
		s.Lose()
	},
	"fresh, revoked by an id": func(s *scene) { held(s); s.Add(s.tok.IDs[1], time.Hour) },
	byCutoff: func(s *scene) {
		held(s)
		s.Cut(s.tok.User, Cutoff{End: s.tok.Stamp}, time.Hour)
	},
	"never fresh": func(s *scene) { s.now, s.revoked = 20*time.Second, time.Second },
	"expired entries about": func(s *scene) {
		s.Add(testKey(78), time.Second)
		s.Cut(testKey(78), Cutoff{End: 1}, time.Second)
		s.CutWide(testKey(78), Cutoff{End: 1}, time.Second)
		s.Renew(time.Second)
		s.revoked, s.now = 3*time.Second, 21*time.Second
	},
}

const byCutoff = "fresh, revoked by a cutoff"

func held(s *scene) {
	s.now, s.revoked = 20*time.Second, time.Second
	s.Renew(s.now)
}

func newScene(t *testing.T, stand func(*scene), todo ...act) *scene {
	s := &scene{tok: testToken(1, 500), todo: todo}
	s.Copy = newCopy(t, 1, func() time.Duration { return s.now })
	for _, set := range s.sets() {
		set.overflow.words = 64 // the usual size takes most of the test's time
	}
	stand(s)
	s.between(s.at)
	return s
}

func (s *scene) at(step string) {
	if step == "end" {
		s.judged = s.now
	}
	s.steps++
	for len(s.todo) > 0 && s.todo[0].step < s.steps {
		a := actions[s.todo[0].action]
		s.todo = s.todo[1:]
		s.trace += fmt.Sprintf(" %s before step %d (%s);", a.name, s.steps, step)
		a.do(s)
	}
}

// decide checks, and holds the answer against the promise.
func (s *scene) decide(t *testing.T, name string, check func() Answer) {
	t.Helper()
	if answer := check(); answer == Clear && s.judged-s.revoked > bound {
		t.Fatalf("%s: accepted %v after the revocation:%s", name, s.judged-s.revoked, s.trace)
	}
}

const maxSteps = 24

// Whatever happens between any two steps of a decision, no token is accepted
// that was revoked longer ago than the bound: all actions and pairs of actions
// at all steps, and many longer rows of them.
func TestPromiseBetweenAnyTwoSteps(t *testing.T) {
	var rows [][]act
	for a := range actions {
		for i := range maxSteps {
			rows = append(rows, []act{{a, i}})
			for b := range actions {
				for j := i; j < maxSteps; j++ {
					rows = append(rows, []act{{a, i}, {b, j}})
				}
			}
		}
	}
	rng := rand.New(rand.NewPCG(11, 1))
	for range 5_000 {
		var row []act
		for step := 0; len(row) < 5 && step < maxSteps; step += rng.IntN(6) {
			row = append(row, act{rng.IntN(len(actions)), step})
		}
		rows = append(rows, row)
	}
	for name, stand := range stands {
		s := newScene(t, stand)
		s.decide(t, name, func() Answer { return s.Check(s.tok) })
		if s.steps < 10 || s.steps > maxSteps {
			t.Fatalf("%s: %d steps, so that not all are tried", name, s.steps)
		}
		for i, row := range rows {
			s := newScene(t, stand, row...)
			s.decide(t, name, func() Answer { return s.Check(s.tok) })
			if i%16 > 0 || name == byCutoff { // which Lookup does not look at
				continue
			}
			s = newScene(t, stand, row...)
			s.decide(t, name+", looked up", func() Answer { return s.lookup() })
		}
	}
}

// lookup is Lookup of the ids. It looks at no cutoffs, so these stand for others'.
func (s *scene) lookup() Answer {
	for _, a := range s.todo {
		if a.action > 0 && a.action < 4 {
			return Unknown
		}
	}
	return s.Lookup(s.tok.IDs[:]...)
}

// A renewal that comes with a smaller bound is judged by that bound, wherever in
// a decision it comes.
func TestRenewalComesWithItsBound(t *testing.T) {
	for i := range maxSteps {
		for j := i; j < maxSteps; j++ {
			now, steps := 21*time.Second, 0
			c := newCopy(t, 1, func() time.Duration { return now })
			c.Renew(time.Second) // too long ago: only the other counts
			c.between(func(step string) {
				if steps == i {
					c.Limit(time.Second)
					c.Renew(now)
				}
				if steps == j && step != "end" {
					now += 2 * time.Second
				}
				steps++
			})
			if got := c.Check(testToken(1, 1)); got == Clear && j < steps-1 {
				t.Errorf("renewed before step %d, judged 2s later: %v, and the bound is 1s", i, got)
			}
		}
	}
}

// The same without a hook: the copy is stale before each Add, so no check of the
// token that is presented only then is Clear.
func TestSearchIsNotJudgedByALaterRenewal(t *testing.T) {
	var now, current, checks atomic.Int64
	c := newCopy(t, 1<<16, func() time.Duration { return time.Duration(now.Load()) })
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for !stop.Load() {
				if id := int(current.Load()); c.Lookup(testKey(id), testKey(-1), testKey(-2)) == Clear {
					t.Errorf("token %d is Clear", id)
					return
				}
				checks.Add(1)
			}
		})
	}
	for id := 1; id <= 100 && !t.Failed(); id++ {
		now.Add(int64(bound) + 1) // stale: only now the next token is presented
		current.Store(int64(id))
		for before := checks.Load(); checks.Load() < before+4 && !t.Failed(); {
			runtime.Gosched()
		}
		c.Add(testKey(id), time.Hour) // the follower catches up
		c.Renew(c.Now())
	}
	stop.Store(true)
	readers.Wait()
}
