package fleet

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/curfew-auth/curfew/internal/events"
)

// maxReserve bounds a reserve, in bytes.
const maxReserve = 8 << 20

// reserveOverhead is about what an entry of a reserve takes besides its texts.
const reserveOverhead = 200

// A Reserve is the third copy of what is revoked, after log and store: an edge
// keeps the latest revocations as their issuer wrote and marked them, and offers
// them to issuers who have lost the log. The oldest make room for new ones. The
// zero value is ready to use, by several goroutines.
type Reserve struct {
	// Elapsed is the edge's clock; it counts time asleep.
	Elapsed func() time.Duration

	mu    sync.Mutex
	held  *simplelru.LRU[uint64, reserved] // by fingerprint, the oldest first
	bytes int
}

type reserved struct {
	signed
	until time.Duration
}

// A signed revocation is one as its issuer wrote it.
type signed struct {
	Data []byte `json:"data"`
	Mark string `json:"mark"`
}

func (s signed) size() int { return len(s.Data) + len(s.Mark) + reserveOverhead }

// Keep keeps a revocation that was read from the log, where it was m. One that
// nobody has marked is not kept, and one that comes again lives no longer for it.
func (r *Reserve) Keep(rev events.Revocation, m events.Message) {
	if m.Mark == "" {
		return
	}
	s := signed{bytes.Clone(m.Data), strings.Clone(m.Mark)} // not the whole message
	now := r.Elapsed()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held, _ = simplelru.NewLRU[uint64, reserved](maxReserve/reserveOverhead, nil) // no error: it is positive
	}
	name := rev.Fingerprint()
	if r.held.Contains(name) || s.size() > maxReserve {
		return
	}
	r.held.Add(name, reserved{s, now + max(rev.TTL(), m.TTL)}) // the log keeps for longer what no store has
	for r.bytes += s.size(); r.bytes > maxReserve; {
		r.dropOldest()
	}
	for _, oldest, ok := r.held.GetOldest(); ok && oldest.until <= now; _, oldest, ok = r.held.GetOldest() {
		r.dropOldest()
	}
}

func (r *Reserve) dropOldest() {
	_, oldest, _ := r.held.RemoveOldest()
	r.bytes -= oldest.size()
}

// offer returns what the asker lacks, up to a size. It begins anywhere, so an asker
// of many edges gets different parts from each.
func (r *Reserve) offer(w want, size int) (out []signed) {
	now, known := r.Elapsed(), w.known()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		return nil
	}
	names := r.held.Keys()
	start := rand.IntN(max(len(names), 1))
	for n := range names {
		name := names[(start+n)%len(names)]
		entry, _ := r.held.Peek(name)
		if name < w.Low || name > w.High || known[name] || entry.until <= now {
			continue
		}
		if size -= entry.size(); size < 0 {
			return out
		}
		out = append(out, entry.signed)
	}
	return out
}
