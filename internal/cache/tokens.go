package cache

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// MaxToken is the longest token kept, in bytes.
	MaxToken = 8 << 10
	// tokenCost is what an entry is charged besides its texts, in bytes.
	tokenCost = 1024
	// renewEvery: one hit in so many goes through the LRU to stay recent.
	renewEvery     = 64
	maxTokenShards = 16
)

// Tokens remembers tokens whose signature was checked. The key is the whole
// raw token: a hash under a secret random seed finds the entry, then the full
// strings are compared, so no other token, however made, can hit it.
//
// A hit says only that the token once verified. Whether it has expired, is
// revoked, or its key still trusted is the caller's to check, every time;
// expired tokens stay until others push them out, so that replaying one
// does not cost a verification.
//
// Most hits are served by a direct-mapped front without any lock. It refers
// only to entries of the LRU behind it, so the bounds hold for both.
type Tokens[T any] struct {
	seed   maphash.Seed
	front  []atomic.Pointer[verified[T]]
	shards []tokenShard[T]
}

type verified[T any] struct {
	raw   string
	hash  uint64
	value T
}

type tokenShard[T any] struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[uint64, *verified[T]]
	bytes int // charged, at most limit
	limit int
	_     [64]byte
}

// NewTokens returns a cache of at most so many tokens and so many bytes,
// counting each as CostOf does.
func NewTokens[T any](entries, bytes int) (*Tokens[T], error) {
	if entries < 1 || entries > MaxEntries || bytes < CostOf(MaxToken) {
		return nil, fmt.Errorf("%w: %d tokens in %d bytes, want 1 to %d in at least %d",
			ErrConfig, entries, bytes, MaxEntries, CostOf(MaxToken))
	}
	n := 1
	for n < maxTokenShards && entries >= 2*n*shardFill && bytes >= 2*n*8*CostOf(MaxToken) {
		n *= 2
	}
	t := &Tokens[T]{
		seed:   maphash.MakeSeed(),
		front:  make([]atomic.Pointer[verified[T]], 1<<bits.Len(uint(min(2*entries, 1<<17)-1))),
		shards: make([]tokenShard[T], n),
	}
	for i := range t.shards {
		if err := t.initShard(&t.shards[i], entries/n, bytes/n); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	return t, nil
}

func (t *Tokens[T]) initShard(s *tokenShard[T], entries, bytes int) (err error) {
	s.limit = bytes
	s.lru, err = simplelru.NewLRU(entries, func(_ uint64, v *verified[T]) {
		s.bytes -= v.cost()
		t.slot(v.hash).CompareAndSwap(v, nil)
	})
	return err
}

// Get returns what was put with exactly this token.
func (t *Tokens[T]) Get(raw string) (value T, ok bool) {
	hash := maphash.String(t.seed, raw)
	v := t.slot(hash).Load()
	if v == nil || v.raw != raw || rand.Uint32()%renewEvery == 0 {
		v = t.behind(hash, raw)
	}
	if v == nil {
		return value, false
	}
	return v.value, true
}

// GetBytes is Get for a token in a buffer, which is not retained.
func (t *Tokens[T]) GetBytes(raw []byte) (T, bool) {
	return t.Get(unsafe.String(unsafe.SliceData(raw), len(raw)))
}

// behind asks the LRU. The front is written under the shard's lock, as it is
// cleared on eviction: it never holds what the LRU has let go.
func (t *Tokens[T]) behind(hash uint64, raw string) *verified[T] {
	s := t.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.lru.Get(hash)
	if !ok || v.raw != raw {
		return nil
	}
	t.slot(hash).Store(v)
	return v
}

// Put remembers a token that was just verified, and copies the string. Tokens
// longer than MaxToken are not kept.
func (t *Tokens[T]) Put(raw string, value T) {
	if len(raw) > MaxToken {
		return
	}
	v := &verified[T]{raw: strings.Clone(raw), hash: maphash.String(t.seed, raw), value: value}
	s := t.shard(v.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Remove(v.hash)
	s.bytes += v.cost()
	s.lru.Add(v.hash, v)
	for s.bytes > s.limit {
		s.lru.RemoveOldest()
	}
}

// Len is how many tokens are kept.
func (t *Tokens[T]) Len() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += s.lru.Len()
		s.mu.Unlock()
	}
	return n
}

func (t *Tokens[T]) slot(hash uint64) *atomic.Pointer[verified[T]] {
	return &t.front[hash&uint64(len(t.front)-1)]
}

func (t *Tokens[T]) shard(hash uint64) *tokenShard[T] {
	return &t.shards[hash>>32&uint64(len(t.shards)-1)]
}

func (v *verified[T]) cost() int { return CostOf(len(v.raw)) }

// CostOf is what a token of n bytes is charged: the token, the claims decoded
// from it, which its value keeps (three quarters as long), what the allocator
// rounds both up by, and what holds them.
func CostOf(n int) int { return 2*n + tokenCost }
