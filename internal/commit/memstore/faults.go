package memstore

import "time"

// SetDown makes every call fail while down is true.
func (s *Store) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// SetSlow makes every call of an issuer take the time d, half of it before and
// half of it after the call takes effect.
func (s *Store) SetSlow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

// LoseAcks makes the next n writes take effect but report failure.
func (s *Store) LoseAcks(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = n
}

// Wipe is FLUSHALL: the same server, without anything.
func (s *Store) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.history = empty(), nil
}

// Restart is the start of a new process that kept nothing.
func (s *Store) Restart() {
	s.Wipe()
	s.Failover(0)
}

// An Image is a copy of everything that the server held at a time.
type Image struct{ state state }

// Image takes one, as a snapshot does, or a replica that is cut off.
func (s *Store) Image() Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Image{s.state.clone()}
}

// Restore starts a new server from an image.
func (s *Store) Restore(i Image) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.history = i.state.clone(), nil
	s.incarnation, s.evicted = s.incarnation+1, 0
}

// Evict makes the server throw a revocation away, as for lack of memory.
func (s *Store) Evict(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.state.entries, key)
	s.evicted++
}

// SetUnguarded makes it have replicas for which it does not wait.
func (s *Store) SetUnguarded(unguarded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unguarded = unguarded
}

// SetClock makes the server's clock differ from ours, as another machine's does.
func (s *Store) SetClock(skew time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = skew
}

// Leap moves the server's clock ahead.
func (s *Store) Leap(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew += by
}

// Failover puts a replica in the server's place that had not yet got the last n
// writes, of which it counts at most maxHistory.
func (s *Store) Failover(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n = min(n, len(s.history)); n > 0 {
		s.state = s.history[len(s.history)-n]
	}
	s.history = nil
	s.incarnation, s.evicted = s.incarnation+1, 0
}
