package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

func live(n int, ttl time.Duration) (all []events.Revocation) {
	for i := range n {
		all = append(all, events.Revocation{
			ID: fmt.Sprint("id-", i), Scope: events.ScopeSession, Issuer: "iss",
			Subject: fmt.Sprint("sid-", i), TTLMillis: ttl.Milliseconds(),
		})
	}
	return all
}

// yield is a store whose every third entry cannot be read.
func yield(all []events.Revocation) func(context.Context) iter.Seq2[events.Revocation, error] {
	return func(context.Context) iter.Seq2[events.Revocation, error] {
		return func(yield func(events.Revocation, error) bool) {
			for i, r := range all {
				if i%3 == 0 && !yield(events.Revocation{}, fmt.Errorf("entry: %w", events.ErrBadRevocation)) {
					return
				}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// What the log holds is left there, unless its clock may have leapt before anybody
// looked: then it may go too early, and all is appended anew. What cannot be read in
// the store may be missing in the log, so nothing is dropped from there.
func TestRestoreAppendsWhatIsMissingOnce(t *testing.T) {
	for name, c := range map[string]struct {
		beat  bool          // there is one of an issuer
		ahead time.Duration // that issuer's clock
		want  int
	}{
		"no beat is left":          {want: 300},
		"the clocks are the same":  {beat: true, want: 200},
		"the log's has leapt":      {beat: true, ahead: time.Minute, want: 300},
		"the log's was set back":   {beat: true, ahead: -time.Minute, want: 300},
		"the clocks are as before": {beat: true, ahead: 20 * time.Second, want: 200},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context) {
				log, x := memlog.New(), &memlog.Exchange{}
				all := live(300, 30*time.Minute)
				for _, r := range all[:100] {
					if _, err := events.Publish(ctx, log, r); err != nil {
						t.Fatal(err)
					}
				}
				if c.beat {
					data, _ := json.Marshal(events.Beat{By: events.RoleIssuer, ID: "another", Nonce: "n", At: time.Now().Add(c.ahead).UnixMilli()})
					if _, err := log.Append(ctx, events.Record{Kind: events.KindBeat, Data: data, TTL: time.Hour}); err != nil {
						t.Fatal(err)
					}
				}
				i := startIssuer(t, ctx, log, x)
				for _, want := range []int{c.want, 0} {
					if n, err := i.barrier.Restore(ctx, yield(all)); n != want || err != nil {
						t.Fatalf("restored %d, %v, want %d", n, err, want)
					}
				}
				if s, err := log.State(ctx); s.Revocations != uint64(100+c.want) || err != nil {
					t.Errorf("the log holds %d revocations, %v", s.Revocations, err)
				}
			})
		})
	}
}

// What the store does not know, and the log does, is appended anew as well. What
// nobody here can read is left, and with it everything that stands there.
func TestRenewedLogLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		later, laterStored bool
		vouches            []string
		want               uint64 // revocations in the log
	}{
		"all is readable":                  {vouches: []string{"a", "a"}, want: 32}, // one under two lives
		"one is of a later version":        {later: true, vouches: []string{"a", "a"}, want: 30 + 3 + 1 + 32},
		"one in the store is":              {laterStored: true, vouches: []string{"a", "a"}, want: 30 + 3 + 32},
		"the store is not vouched for":     {vouches: []string{"", ""}, want: 30 + 3 + 32},
		"the store was restarted":          {vouches: []string{"a", "b"}, want: 30 + 3 + 32},
		"nobody vouches any more after it": {vouches: []string{"a", ""}, want: 30 + 3 + 32},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context) {
				log, x := memlog.New(), &memlog.Exchange{}
				all := live(30, 30*time.Minute)
				for _, r := range all {
					if _, err := events.Publish(ctx, log, r); err != nil {
						t.Fatal(err)
					}
				}
				if c.later {
					data := []byte(`{"id":"later","scope":"galaxy","iss":"iss","sub":"x","ttl_ms":60000}`)
					if _, err := log.Append(ctx, events.Record{Kind: events.KindRevocation, Data: data, TTL: time.Hour}); err != nil {
						t.Fatal(err)
					}
				}
				i := startIssuer(t, ctx, log, x)
				i.barrier.Vouch = func(context.Context, time.Time) string {
					vouch := c.vouches[0]
					c.vouches = append(c.vouches[1:], vouch)
					return vouch
				}
				unfiled := events.Revocation{ID: "unfiled", Scope: events.ScopeSession, Issuer: "iss", Subject: "unfiled", TTLMillis: 60_000}
				for _, life := range []time.Duration{time.Minute, 24 * time.Hour, time.Minute} {
					if _, err := events.PublishFor(ctx, log, unfiled, life); err != nil {
						t.Fatal(err)
					}
				}
				if n, err := i.barrier.Restore(ctx, stored(c.laterStored, append(all[:10:10], unfiled))); n != 31 || err != nil {
					t.Fatalf("appended %d, %v, want 31", n, err)
				}
				if s, err := log.State(ctx); s.Revocations != c.want || err != nil {
					t.Errorf("the log holds %d revocations, %v, want %d", s.Revocations, err, c.want)
				}
				e := startEdge(ctx, log, x, "late")
				time.Sleep(20 * time.Second)
				for _, r := range all {
					if e.accepts(r.Subject) {
						t.Fatalf("accepts %s", r.Subject)
					}
				}
				if c.want != 32 {
					return
				}
				time.Sleep(time.Hour)
				e = startEdge(ctx, log, x, "an hour later")
				time.Sleep(20 * time.Second)
				if e.accepts("unfiled") {
					t.Error("what no store had filed is kept for a minute, not a day")
				}
			})
		})
	}
}

// stored is a store, all of which can be read or all but one.
func stored(later bool, all []events.Revocation) func(context.Context) iter.Seq2[events.Revocation, error] {
	return func(context.Context) iter.Seq2[events.Revocation, error] {
		return func(yield func(events.Revocation, error) bool) {
			if later && !yield(events.Revocation{}, fmt.Errorf("entry: %w", events.ErrBadRevocation)) {
				return
			}
			for _, r := range all {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// rollsBack is a log that loses what was appended anew, before anybody has read it,
// and gets other revocations in its place.
type rollsBack struct {
	*memlog.Log
	t       *testing.T
	to      uint64
	dropped bool
}

func (l *rollsBack) Append(ctx context.Context, r events.Record) (uint64, error) {
	if r.Kind == events.KindBeat && l.to > 0 {
		l.Rollback(l.to)
		l.to = 0
		appendRevocations(l.t, l.Log, 1000, 1100)
	}
	return l.Log.Append(ctx, r)
}

func (l *rollsBack) Drop(ctx context.Context, seq uint64) error {
	l.dropped = true
	return l.Log.Drop(ctx, seq)
}

func TestNothingIsDroppedUnlessItWasReadAnew(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := &rollsBack{Log: memlog.New(), t: t}
		for _, r := range live(30, 30*time.Minute) {
			if _, err := events.Publish(ctx, log, r); err != nil {
				t.Fatal(err)
			}
		}
		i := startIssuer(t, ctx, log, &memlog.Exchange{})
		store := func(ctx context.Context) iter.Seq2[events.Revocation, error] {
			before, err := log.State(ctx)
			if err != nil {
				t.Error(err)
			}
			log.to = before.LastSeq
			return yield(nil)(ctx)
		}
		if n, err := i.barrier.Restore(ctx, store); err == nil || log.dropped {
			t.Errorf("restored %d, %v; dropped the rest: %t", n, err, log.dropped)
		}
	})
}

// unreadable is a log that cannot be read from its start, for some times.
type unreadable struct {
	*memlog.Log
	times int
}

func (l *unreadable) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	if l.times > 0 && after == (events.Cursor{}) {
		l.times--
		return func(yield func(events.Message, error) bool) { yield(events.Message{}, events.ErrUnavailable) }
	}
	return l.Log.Follow(ctx, after)
}

// fullOnce is a log that takes all lives of a revocation but the longest, at first.
type fullOnce struct {
	*memlog.Log
	refuse time.Duration
}

func (l *fullOnce) Append(ctx context.Context, r events.Record) (uint64, error) {
	if r.Kind == events.KindRevocation && r.TTL == l.refuse {
		l.refuse = 0
		return 0, events.ErrUnavailable
	}
	return l.Log.Append(ctx, r)
}

// What a renewal could not append is not taken for appended when it goes on.
func TestRenewalThatCouldNotAppend(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := &fullOnce{Log: memlog.New()}
		all := live(1, 30*time.Minute)
		for _, life := range []time.Duration{30 * time.Minute, 24 * time.Hour} {
			if _, err := events.PublishFor(ctx, log, all[0], life); err != nil {
				t.Fatal(err)
			}
		}
		i := startIssuer(t, ctx, log, &memlog.Exchange{})
		log.refuse = 24 * time.Hour
		if _, err := i.barrier.Restore(ctx, stored(false, all)); err == nil {
			t.Fatal("restored, though an append failed")
		}
		if _, err := i.barrier.Restore(ctx, stored(false, all)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if s, err := log.State(ctx); s.Revocations != 1 || err != nil {
			t.Errorf("the log holds %d revocations after an hour, %v, want the one that is to stay for a day", s.Revocations, err)
		}
	})
}

// What a renewal has appended before it failed stands in the log.
func TestRenewalThatFailedGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := &unreadable{Log: memlog.New()}
		all := live(50, 30*time.Minute)
		for _, r := range all {
			if _, err := events.Publish(ctx, log, r); err != nil {
				t.Fatal(err)
			}
		}
		i := startIssuer(t, ctx, log, &memlog.Exchange{})
		for range 5 {
			log.times = 1
			if _, err := i.barrier.Restore(ctx, stored(false, all)); err == nil {
				t.Fatal("restored a log that it could not read")
			}
		}
		if s, err := log.State(ctx); s.Revocations != 100 || err != nil {
			t.Errorf("the log holds %d revocations, %v, want 100", s.Revocations, err)
		}
		if _, err := i.barrier.Restore(ctx, stored(false, all)); err != nil {
			t.Fatal(err)
		}
		if s, err := log.State(ctx); s.Revocations != 50 || err != nil {
			t.Errorf("the log holds %d revocations, %v, want 50", s.Revocations, err)
		}
	})
}

// A cutoff whose caller did not hear from the store has two stamps. The log holds
// the one that covers less, or for less long.
func TestRestoreAppendsTheHigherStampOfACutoff(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		i := startIssuer(t, ctx, log, &memlog.Exchange{})
		cut := events.Revocation{
			ID: "cut", Scope: events.ScopeUser, Issuer: "iss", Tenant: "acme", Subject: "u-1",
			Stamp: 730, TTLMillis: (30 * time.Minute).Milliseconds(),
		}
		if _, err := events.Publish(ctx, log, cut); err != nil {
			t.Fatal(err)
		}
		longer := func() { cut.TTLMillis *= 2 }
		higher := func() { cut.Stamp = 744 }
		for _, change := range []func(){higher, longer} {
			change()
			for _, want := range []int{1, 0} {
				if n, err := i.barrier.Restore(ctx, stored(false, []events.Revocation{cut})); n != want || err != nil {
					t.Fatalf("restored %d, %v, want %d", n, err, want)
				}
			}
		}
	})
}

// Others go on revoking while an issuer starts: each look at the store shows one
// that is filed there and not yet in the log.
func TestRestoreEndsWhileOthersRevoke(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		i := startIssuer(t, ctx, log, &memlog.Exchange{})
		looks := 0
		store := func(ctx context.Context) iter.Seq2[events.Revocation, error] {
			if looks++; looks > 10 {
				t.Fatal("looks again and again")
			}
			return yield(live(10+looks, 30*time.Minute))(ctx)
		}
		if n, err := i.barrier.Restore(ctx, store); n != 11 || err != nil {
			t.Errorf("restored %d, %v, want 11", n, err)
		}
		if !i.barrier.Admitted() {
			t.Error("not admitted")
		}
	})
}

// What was restored is rolled back before anybody read it, and others append in its
// place: neither the sequence nor the count shows it.
func TestRestoreNoticesThatItWasLostAgain(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		i := startIssuer(t, ctx, log, &memlog.Exchange{})
		log.Purge()
		time.Sleep(time.Second)
		store := func(ctx context.Context) iter.Seq2[events.Revocation, error] {
			return func(each func(events.Revocation, error) bool) {
				before, err := log.State(ctx)
				if err != nil {
					t.Error(err)
				}
				log.SetStalled(true)
				yield(live(10, 30*time.Minute))(ctx)(each)
				time.Sleep(time.Second)
				log.Rollback(before.LastSeq)
				appendRevocations(t, log, 1000, 20)
				log.SetStalled(false)
			}
		}
		if n, err := i.barrier.Restore(ctx, store); err == nil {
			t.Errorf("restored %d and admitted, though all of it is gone", n)
		}
	})
}

// Nothing was missing at the first beat; what goes after it is missed by the last.
func TestRestoreNoticesALossBehindItsBack(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		all := live(10, 30*time.Minute)
		for _, r := range all {
			if _, err := events.Publish(ctx, log, r); err != nil {
				t.Fatal(err)
			}
		}
		r := read(ctx, log)
		barrier := events.NewBarrier(log, r.Follower, events.RoleIssuer, "issuer", staleness/50)
		store := func(ctx context.Context) iter.Seq2[events.Revocation, error] {
			return func(each func(events.Revocation, error) bool) {
				yield(all)(ctx)(each)
				log.Remove(1)
			}
		}
		if _, err := barrier.Restore(ctx, store); err == nil || barrier.Admitted() {
			t.Errorf("admitted %t, %v, though the log lost one", barrier.Admitted(), err)
		}
	})
}

// The entries in their last minute are not counted, so they can stand in for
// as many that were lost. Only a reader that comes later notices, because it
// counts fewer than the answerer does; it says so, and the answerer restores.
func TestMaskedLossIsFoundByALateEdge(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		old, recent := live(20, 3*time.Minute), live(50, 30*time.Minute)[20:]
		for _, r := range append(old, recent...) {
			if _, err := events.Publish(ctx, log, r); err != nil {
				t.Fatal(err)
			}
		}
		go func() { // what the keeper does
			for events.Sleep(ctx, 100*time.Millisecond) {
				if !i.barrier.Admitted() {
					_, _ = i.barrier.Restore(ctx, yield(recent))
				}
			}
		}()
		time.Sleep(2*time.Minute + 10*time.Second) // the old are about to expire
		log.RemoveIf(func(data []byte) bool {
			r, err := events.DecodeRevocation(data)
			return err == nil && r.Subject == "sid-30"
		})
		if _, err := i.barrier.Confirm(ctx); err != nil {
			t.Fatalf("the loss is meant to be masked here, but %v", err)
		}
		e := startEdge(ctx, log, x, "late")
		time.Sleep(20 * time.Second)
		wantFresh(t, true, e)
		if e.accepts("sid-30") {
			t.Error("fresh without the revocation that was lost")
		}
	})
}

func TestDeletedLogIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		i := startIssuer(t, ctx, log, x)
		appendRevocations(t, log, 0, 10)
		time.Sleep(time.Second)
		log.Delete()
		time.Sleep(5 * time.Second)
		if i.barrier.Admitted() {
			t.Error("a log that is gone is still answered for")
		}
	})
}
