package memstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// ErrDown is what every call returns while the store is down.
var ErrDown = errors.New("memstore: down")

// maxHistory bounds how many writes a failover can lose.
const maxHistory = 64

// A Store is the server. Make one with [New].
type Store struct {
	broken func(format string, args ...any)
	skew   time.Duration

	mu          sync.Mutex
	state       state
	history     []state // before each of the last writes
	incarnation int
	evicted     int  // thrown away for lack of memory, by this incarnation
	unguarded   bool // it has replicas, and does not wait for them
	tokens      int  // refills begun so far
	owed        map[string]debt
	down        bool
	lose        int
	slow        time.Duration
}

// A state is everything that a wipe takes away.
type state struct {
	entries map[string]entry
	outbox  map[string]events.Revocation
	refills map[string]string // incarnation by token
	vouch   vouch
	ends    int // vouches withdrawn so far
	stamp   int64

	ended    int64     // sessions stamped at or below it are over
	endedBy  string    // the refill with which they ended
	furthest time.Time // until when a token that was handed out may be good
}

type entry struct {
	events.Revocation
	until time.Time
}

// New returns an empty store that nobody vouches for. Its clock is off by skew.
// It calls broken when a caller breaks its part of the contract.
func New(skew time.Duration, broken func(format string, args ...any)) *Store {
	return &Store{broken: broken, skew: skew, state: empty(), owed: map[string]debt{}, incarnation: 1}
}

func empty() state {
	return state{
		entries: map[string]entry{}, outbox: map[string]events.Revocation{}, refills: map[string]string{},
	}
}

func (s state) clone() state {
	s.entries, s.outbox, s.refills = maps.Clone(s.entries), maps.Clone(s.outbox), maps.Clone(s.refills)
	return s
}

// now is the server's own clock.
func (s *Store) now() time.Time { return time.Now().Add(s.skew) }

func (s *Store) name() string { return fmt.Sprint("store-", s.incarnation) }

func (s *Store) holds(key string) bool { return s.state.entries[key].until.After(s.now()) }

// A debt is a revocation that whoever vouches must have put back.
type debt struct{ since, until time.Time }

// Owe notes that a revocation has been answered with "committed". Until it
// expires, nobody may vouch without it as of a later time.
func (s *Store) Owe(key string, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owed[key] = debt{since: s.now(), until: s.now().Add(ttl)}
}

// Pay forgives all that is owed so far: a test takes away what it rests on.
func (s *Store) Pay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.owed)
}

// A Verdict is the answer to an edge's question.
type Verdict struct{ Revoked, Vouched bool }

// Lookup answers an edge: is one of the keys held, and has somebody vouched for
// this incarnation within the given time, by the server's own clock?
func (s *Store) Lookup(within time.Duration, keys ...string) (Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return Verdict{}, ErrDown
	}
	age := s.now().Sub(s.state.vouch.at)
	return Verdict{
		Revoked: slices.ContainsFunc(keys, s.holds),
		Vouched: s.vouched() && age >= 0 && age <= within,
	}, nil
}

// Stamp is a login: it hands out a stamp, if somebody has vouched for the store.
func (s *Store) Stamp() (stamp int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || !s.vouched() {
		return 0, false
	}
	s.state.stamp = max(s.state.stamp, s.now().UnixMilli())
	return s.state.stamp, true
}

// HandOut is a login whose access token is good for ttl.
func (s *Store) HandOut(ttl time.Duration) (stamp int64, ok bool) {
	stamp, ok = s.Stamp()
	if ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lastsUntil(s.now().Add(ttl))
	}
	return stamp, ok
}

func (s *Store) lastsUntil(at time.Time) { s.state.furthest = later(s.state.furthest, at) }

// Over reports whether a session with that stamp has ended because it came with
// an old image. Nobody can say while nobody vouches for the store.
func (s *Store) Over(stamp int64) (over, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return stamp <= s.state.ended, s.vouched()
}

// Cutoff returns the stamp of a cutoff that is held, or 0.
func (s *Store) Cutoff(key string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.holds(key) {
		return 0
	}
	return s.state.entries[key].Stamp
}

// Holds reports whether a revocation is held, whatever the faults.
func (s *Store) Holds(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holds(key)
}

// Unsettled returns how many revocations the outbox holds.
func (s *Store) Unsettled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.state.outbox)
}
