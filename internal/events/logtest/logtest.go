// Package logtest is the conformance suite of events.Log: every
// implementation runs it.
package logtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// A Harness is one log under test and the ways to break it. Every test gets a
// new one, whose log does not exist yet.
type Harness struct {
	Log       events.Log
	Recreate  func() // delete the log and create it anew, empty
	Purge     func() // remove all messages, keep the sequence
	Interrupt func() // end every follow in progress, lose nothing
}

// patience is a ceiling against hangs, not a measurement.
const patience = 20 * time.Second

// Run runs the suite.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"there is no log until it is ensured": noLog,
		"ensure twice changes nothing":        ensureTwice,
		"follows from the start in order":     inOrder,
		"resumes after the cursor":            resumes,
		"diverges when recreated":             divergesWhenRecreated,
		"diverges when purged":                divergesWhenPurged,
		"drops up to a sequence":              drops,
		"edges stand in":                      standsIn,
		"an interrupted follow ends":          interrupted,
		"state counts revocations":            stateCounts,
		"records expire":                      expires,
		"marks are kept":                      marks,
		"duplicates are kept":                 duplicates,
		"concurrent appends share one order":  concurrent,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func noLog(t *testing.T, h Harness) {
	if _, err := h.Log.State(t.Context()); !errors.Is(err, events.ErrNoLog) {
		t.Errorf("state of no log: %v, want ErrNoLog", err)
	}
	if _, err := h.Log.Append(t.Context(), revocation(0)); err == nil {
		t.Error("append to no log succeeded")
	}
	if _, err := collect(t, h.Log, events.Cursor{}, 1); !errors.Is(err, events.ErrNoLog) {
		t.Errorf("follow of no log: %v, want ErrNoLog", err)
	}
}

func ensureTwice(t *testing.T, h Harness) {
	ensure(t, h)
	before := fill(t, h, 3)
	ensure(t, h)
	if got := state(t, h); got.LastSeq != before[2] {
		t.Errorf("last sequence %d after a second Ensure, want %d", got.LastSeq, before[2])
	}
}

func inOrder(t *testing.T, h Harness) {
	ensure(t, h)
	seqs := fill(t, h, 50)
	got := mustCollect(t, h.Log, events.Cursor{}, 50)
	for i, m := range got {
		if m.Seq != seqs[i] || string(m.Data) != fmt.Sprint("data ", i) || m.Kind != events.KindRevocation {
			t.Fatalf("message %d is %d %q kind %d", i, m.Seq, m.Data, m.Kind)
		}
		if m.TTL != time.Minute || m.Epoch != state(t, h).Epoch || m.Time.IsZero() {
			t.Fatalf("message %d: ttl %s, epoch %q, time %s", i, m.TTL, m.Epoch, m.Time)
		}
	}
	if last := got[49]; last.Pending != 0 {
		t.Errorf("%d pending behind the last message", last.Pending)
	}
}

func resumes(t *testing.T, h Harness) {
	ensure(t, h)
	seqs := fill(t, h, 10)
	first := mustCollect(t, h.Log, events.Cursor{}, 4)
	rest := mustCollect(t, h.Log, cursor(first[3]), 6)
	if rest[0].Seq != seqs[4] || rest[5].Seq != seqs[9] {
		t.Errorf("resumed with %d to %d, want %d to %d", rest[0].Seq, rest[5].Seq, seqs[4], seqs[9])
	}
}

func marks(t *testing.T, h Harness) {
	ensure(t, h)
	marked := events.Marking(h.Log, func(data []byte) string { return "by an issuer: " + string(data) })
	for n, log := range []events.Log{h.Log, marked} {
		if _, err := log.Append(t.Context(), revocation(n)); err != nil {
			t.Fatal(err)
		}
	}
	got := mustCollect(t, h.Log, events.Cursor{}, 2)
	if got[0].Mark != "" || got[1].Mark != "by an issuer: data 1" {
		t.Errorf("marks %q and %q", got[0].Mark, got[1].Mark)
	}
}

// The trap: a consumer that resumes at its old sequence over a new stream
// silently skips what is below it.
func divergesWhenRecreated(t *testing.T, h Harness) {
	ensure(t, h)
	fill(t, h, 5)
	old := state(t, h).Epoch
	at := cursor(mustCollect(t, h.Log, events.Cursor{}, 5)[4])
	h.Recreate()
	if got := state(t, h); got.Epoch == old || got.LastSeq != 0 {
		t.Fatalf("recreated log has epoch %q (was %q), last sequence %d", got.Epoch, old, got.LastSeq)
	}
	fill(t, h, 8)
	if _, err := collect(t, h.Log, at, 1); !errors.Is(err, events.ErrDiverged) {
		t.Errorf("resume over a recreated log: %v, want ErrDiverged", err)
	}
	if got := mustCollect(t, h.Log, events.Cursor{}, 8); len(got) != 8 {
		t.Errorf("replay read %d messages, want 8", len(got))
	}
}

func divergesWhenPurged(t *testing.T, h Harness) {
	ensure(t, h)
	fill(t, h, 5)
	at := cursor(mustCollect(t, h.Log, events.Cursor{}, 5)[4])
	h.Purge()
	if _, err := collect(t, h.Log, at, 1); !errors.Is(err, events.ErrDiverged) {
		t.Errorf("resume over a purged log: %v, want ErrDiverged", err)
	}
	if got := state(t, h); got.Revocations != 0 {
		t.Errorf("purged log holds %d revocations", got.Revocations)
	}
}

func drops(t *testing.T, h Harness) {
	ensure(t, h)
	beat, err := h.Log.Append(t.Context(), events.Record{Kind: events.KindBeat, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	seqs := fill(t, h, 10)
	all := mustCollect(t, h.Log, events.Cursor{}, 11)[1:]
	if err := h.Log.Drop(t.Context(), seqs[5]); err != nil {
		t.Fatal(err)
	}
	if got := mustCollect(t, h.Log, events.Cursor{}, 5); got[0].Seq != beat || got[1].Seq != seqs[6] {
		t.Errorf("begins at %d and %d, want %d, a beat, and %d", got[0].Seq, got[1].Seq, beat, seqs[6])
	}
	if got := mustCollect(t, h.Log, cursor(all[6]), 3); got[0].Seq != seqs[7] {
		t.Errorf("resumes at %d, want %d", got[0].Seq, seqs[7])
	}
	if _, err := collect(t, h.Log, cursor(all[5]), 1); !errors.Is(err, events.ErrDiverged) {
		t.Errorf("resume after what was dropped: %v, want ErrDiverged", err)
	}
	if got := state(t, h); got.Revocations != 4 || got.LastSeq != seqs[9] {
		t.Errorf("holds %d up to %d, want 4 up to %d", got.Revocations, got.LastSeq, seqs[9])
	}
	if err := h.Log.Drop(t.Context(), seqs[9]); err != nil {
		t.Fatal(err)
	}
	if got := state(t, h); got.Revocations != 0 || got.LastSeq != seqs[9] {
		t.Errorf("holds %d up to %d, want none up to %d", got.Revocations, got.LastSeq, seqs[9])
	}
}

// standsIn: beats of edges stand in the log among all others, where they are said to
// stand, and can be swept.
func standsIn(t *testing.T, h Harness) {
	ensure(t, h)
	var seqs []uint64
	for n := range 4 {
		fill(t, h, 1)
		seq, err := h.Log.Append(t.Context(), events.Record{Kind: events.KindBeat, StandIn: true, Data: fmt.Append(nil, "beat ", n), TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, seq)
	}
	for n, m := range mustCollect(t, h.Log, events.Cursor{}, 8) {
		switch standIn := n%2 == 1; {
		case m.StandIn != standIn || standIn != (m.Kind == events.KindBeat):
			t.Errorf("message %d: kind %d, by an edge %t", m.Seq, m.Kind, m.StandIn)
		case standIn && (m.Seq != seqs[n/2] || string(m.Data) != fmt.Sprint("beat ", n/2)):
			t.Errorf("%d, %q, was said to be at %d", m.Seq, m.Data, seqs[n/2])
		}
	}
	if err := h.Log.Sweep(t.Context(), seqs[2]); err != nil {
		t.Fatal(err)
	}
	if got := mustCollect(t, h.Log, events.Cursor{}, 5); got[4].Seq != seqs[3] || got[3].Kind != events.KindRevocation || got[2].Kind != events.KindRevocation {
		t.Errorf("swept: %+v, want the revocations and the last beat", got)
	}
}

func interrupted(t *testing.T, h Harness) {
	ensure(t, h)
	fill(t, h, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last events.Message
	var end error
	for m, err := range h.Log.Follow(ctx, events.Cursor{}) {
		if err != nil {
			end = err
			break
		}
		last = m
		h.Interrupt()
	}
	if end == nil || errors.Is(end, events.ErrDiverged) || ctx.Err() != nil {
		t.Fatalf("interrupted follow ended with %v, want an error that lets it resume", end)
	}
	fill(t, h, 1)
	if got := mustCollect(t, h.Log, cursor(last), 1); got[0].Seq <= last.Seq {
		t.Errorf("resumed with %d after %d", got[0].Seq, last.Seq)
	}
}

func stateCounts(t *testing.T, h Harness) {
	ensure(t, h)
	fill(t, h, 7)
	if _, err := h.Log.Append(t.Context(), events.Record{Kind: events.KindBeat, TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	got := state(t, h)
	if got.Revocations != 7 || got.LastSeq != 8 || got.Now.IsZero() || got.Epoch == "" {
		t.Errorf("state is %+v, want 7 revocations up to sequence 8", got)
	}
}

func expires(t *testing.T, h Harness) {
	ensure(t, h)
	r := revocation(0)
	r.TTL = time.Second
	if _, err := h.Log.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	fill(t, h, 1)
	deadline := time.Now().Add(patience)
	for state(t, h).Revocations != 1 {
		if time.Now().After(deadline) {
			t.Fatal("the record with a TTL of one second never expired")
		}
		<-time.After(50 * time.Millisecond)
	}
	if got := mustCollect(t, h.Log, events.Cursor{}, 1); got[0].Seq != 2 {
		t.Errorf("replay starts at %d, want 2", got[0].Seq)
	}
}

// A refill republishes what was published before, byte for byte.
func duplicates(t *testing.T, h Harness) {
	ensure(t, h)
	for range 3 {
		if _, err := h.Log.Append(t.Context(), revocation(0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := state(t, h).Revocations; got != 3 {
		t.Errorf("log holds %d of 3 equal records", got)
	}
}

func concurrent(t *testing.T, h Harness) {
	ensure(t, h)
	const writers, each = 8, 25
	acked := make(chan uint64, writers*each)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range each {
				seq, err := h.Log.Append(t.Context(), revocation(i))
				if err != nil {
					t.Error(err)
					return
				}
				acked <- seq
			}
		})
	}
	wg.Wait()
	close(acked)
	seen := map[uint64]bool{}
	for seq := range acked {
		if seen[seq] {
			t.Fatalf("sequence %d was acknowledged twice", seq)
		}
		seen[seq] = true
	}
	a := mustCollect(t, h.Log, events.Cursor{}, writers*each)
	b := mustCollect(t, h.Log, events.Cursor{}, writers*each)
	for i := range a {
		if a[i].Seq != b[i].Seq || string(a[i].Data) != string(b[i].Data) || !seen[a[i].Seq] {
			t.Fatalf("two readers disagree at %d: %d %d", i, a[i].Seq, b[i].Seq)
		}
	}
}

func revocation(i int) events.Record {
	return events.Record{
		Kind: events.KindRevocation, Scope: events.ScopeSession,
		Data: fmt.Append(nil, "data ", i), TTL: time.Minute,
	}
}

func cursor(m events.Message) events.Cursor {
	return events.Cursor{Epoch: m.Epoch, Seq: m.Seq, Time: m.Time}
}

func ensure(t *testing.T, h Harness) {
	t.Helper()
	if err := h.Log.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func fill(t *testing.T, h Harness, n int) (seqs []uint64) {
	t.Helper()
	for i := range n {
		seq, err := h.Log.Append(t.Context(), revocation(i))
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, seq)
	}
	return seqs
}

func state(t *testing.T, h Harness) events.State {
	t.Helper()
	s, err := h.Log.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustCollect(t *testing.T, l events.Log, after events.Cursor, n int) []events.Message {
	t.Helper()
	got, err := collect(t, l, after, n)
	if err != nil {
		t.Fatalf("after %d of %d messages: %v", len(got), n, err)
	}
	return got
}

func collect(t *testing.T, l events.Log, after events.Cursor, n int) (got []events.Message, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for m, err := range l.Follow(ctx, after) {
		if err != nil {
			return got, err
		}
		if got = append(got, m); len(got) == n {
			break
		}
	}
	return got, nil
}
