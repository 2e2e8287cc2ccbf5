//go:build curfewtrace

package cache

import (
	"bufio"
	"encoding/binary"
	"hash/fnv"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// TraceDir is the environment variable with the directory in which a process
// leaves the trace of its steps. Without it none is written.
const TraceDir = "CHAOS_TRACE"

// A record is eleven words, the first of which says of what kind it is. They are
// read by chaos/history, which says what must hold of them.
const (
	traceWords = 11

	traceDecided = 1 // answer, order of the window, order of the search, as of, from, until, now, three ids
	traceKept    = 2 // order, id, until when
	traceTook    = 3 // order, epoch, seq, id of the revocation, ttl, now
	traceRenewal = 4 // order, epoch, seq, as of, now
)

// A tracer numbers steps and writes them down. A number is taken just after what
// it is about has been read, and just before what it is about can be seen by
// others, so that an order of numbers that breaks a rule is one of steps too.
type tracer struct {
	order atomic.Uint64

	mu sync.Mutex // guards w
	w  *bufio.Writer
}

var trace = newTracer()

func newTracer() *tracer {
	dir := os.Getenv(TraceDir)
	if dir == "" {
		return &tracer{}
	}
	f, err := os.CreateTemp(dir, "steps-*")
	if err != nil {
		panic(err) // without its trace a fault run would show less than it says
	}
	return &tracer{w: bufio.NewWriterSize(f, 1<<16)}
}

func (t *tracer) next() uint64 { return t.order.Add(1) }

// note writes a record, and with flush all that are still in memory: a process
// that is killed leaves the steps up to its last renewal.
func (t *tracer) note(flush bool, words ...uint64) {
	if t.w == nil {
		return
	}
	var record [8 * traceWords]byte
	for i, v := range words {
		binary.LittleEndian.PutUint64(record[8*i:], v)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.w.Write(record[:]) // an error stays, and leaves the trace short: the checker finds decisions without renewals
	if flush {
		_ = t.w.Flush()
	}
}

type tracedWindow struct {
	order uint64
	asOf  time.Duration
}

type tracedSearch struct {
	order uint64
	ids   [3]uint64
}

func (w *tracedWindow) opened(asOf time.Duration, ok bool) {
	if ok {
		*w = tracedWindow{trace.next(), asOf}
	}
}

func (s *tracedSearch) begins(t *Token) {
	s.order = trace.next()
	for i, k := range t.IDs {
		s.ids[i], _ = k.halves()
	}
}

func traceDecision(w window, f finding, now time.Duration, a Answer) {
	s := f.tracedSearch
	if s.order == 0 {
		return // a lookup by name decides about no request
	}
	trace.note(false, traceDecided|uint64(a)<<8, w.order, s.order, uint64(w.asOf),
		uint64(w.from), uint64(w.until), uint64(now), s.ids[0], s.ids[1], s.ids[2])
}

func traceAdded(k Key, until time.Duration) {
	lo, _ := k.halves()
	trace.note(false, traceKept, trace.next(), lo, uint64(until))
}

// TraceApplied notes that a revocation in the log has been taken into the copy.
func (c *Copy) TraceApplied(epoch string, seq uint64, id string, ttl time.Duration) {
	trace.note(false, traceTook, trace.next(), hashed(epoch), seq, hashed(id), uint64(ttl), uint64(c.elapsed()))
}

// TraceRenewed notes that the copy is about to be renewed: it holds the log up to
// seq. It MUST be called before Renew.
func (c *Copy) TraceRenewed(epoch string, seq uint64, asOf time.Duration) {
	trace.note(true, traceRenewal, trace.next(), hashed(epoch), seq, uint64(asOf), uint64(c.elapsed()))
}

func hashed(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}
