package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// cutShort is when a search may be one that its five seconds have cut short.
const cutShort = 4 * time.Second

// all goes through every page, and checks that none holds more than it may.
// late are the pages that may be short because the machine is busy.
func all(t *testing.T, r *audit.Reader, q audit.Query) (found []audit.Record, pages, late int) {
	t.Helper()
	for {
		began := time.Now()
		p, err := r.Search(t.Context(), q)
		testenv.Must(t, err)
		if time.Since(began) > cutShort {
			late++
		}
		if len(p.Events) > q.Limit || p.End == (audit.Position{}) {
			t.Fatalf("%d events, limit %d, end %q", len(p.Events), q.Limit, p.End)
		}
		found, pages = append(found, p.Events...), pages+1
		if p.Next == (audit.Position{}) {
			return found, pages, late
		}
		q.Before = p.Next
	}
}

// numbers are those of the events.
func numbers(list []audit.Record) (out []string) {
	for _, e := range list {
		out = append(out, e.Reason)
	}
	return out
}

// fill puts events into the stream, without a trail, and as fast as it goes.
func (b *bench) fill(t *testing.T, list []session.Event) {
	t.Helper()
	for i, e := range list {
		e.Reason = strconv.Itoa(i)
		data, err := json.Marshal(e)
		testenv.Must(t, err)
		_, err = b.js.PublishAsync("curfew.test.session."+e.Kind, data, jetstream.WithStallWait(patience))
		testenv.Must(t, err)
	}
	select {
	case <-b.js.PublishAsyncComplete():
	case <-time.After(patience):
		t.Fatal("the stream does not take the events")
	}
}

// Whatever is asked for, the pages together are what looking at every event
// would find, newest first and each once; also where kinds are rare, and where
// one window holds more than a search may look at.
func TestSearchFindsAll(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("first"))
	random := rand.New(rand.NewPCG(1, 2))
	list := make([]session.Event, 24_000)
	for i := range list {
		kind := session.EventRefresh
		switch {
		case i%7000 == 3:
			kind = session.EventLocked
		case random.IntN(20) == 0:
			kind = session.EventLogin
		}
		list[i] = session.Event{Kind: kind, Tenant: "acme", UserID: "u-" + strconv.Itoa(random.IntN(300))}
		if i < 5000 {
			list[i].Tenant = "old"
		}
	}
	b.fill(t, list)
	r := b.reader(t)
	for _, q := range []audit.Query{
		{Limit: 300, Filter: audit.Filter{Kinds: []string{"login"}}},
		{Limit: 7, Filter: audit.Filter{User: "u-7"}},
		{Limit: 2, Filter: audit.Filter{Kinds: []string{"locked"}}},
		{Limit: 1000, Filter: audit.Filter{Kinds: []string{"locked", "login"}, User: "u-8"}},
		{Limit: 1000, Filter: audit.Filter{Tenant: "old", User: "u-9"}},
		{Limit: 10, Filter: audit.Filter{User: "nobody"}},
		{Limit: 2, Filter: audit.Filter{User: "first"}},
	} {
		var want []string
		for i, e := range slices.Backward(list) {
			if q.Matches(e) {
				want = append(want, strconv.Itoa(i))
			}
		}
		if q.Matches(login("first")) {
			want = append(want, "0")
		}
		found, pages, late := all(t, r, q)
		if !slices.Equal(numbers(found), want) {
			t.Errorf("%+v: found %d, want %d", q, len(found), len(want))
		}
		if q.User == "first" && pages < 2 {
			t.Error("one search looked at everything")
		}
		if most := len(want)/q.Limit + len(list)/15_000 + 1 + late; pages > most {
			t.Errorf("%+v: %d pages, want at most %d", q, pages, most)
		}
	}
}

func TestSearchByTime(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	for n := range 6 {
		b.record(t, n, login("ann"))
	}
	r := b.reader(t)
	recs, _, _ := all(t, r, audit.Query{Limit: 10})
	slices.Reverse(recs)
	for from := -1; from < len(recs); from++ {
		for to := range len(recs) + 1 {
			q := audit.Query{Limit: 10}
			var want []string
			if from >= 0 {
				q.From = recs[from].RecordedAt
			}
			if to < len(recs) {
				q.To = recs[to].RecordedAt
			}
			for n := max(from, 0); n < to; n++ {
				want = append([]string{strconv.Itoa(n)}, want...)
			}
			if found, _, _ := all(t, r, q); !slices.Equal(numbers(found), want) {
				t.Errorf("from %d to %d: %q, want %q", from, to, numbers(found), want)
			}
		}
	}
	q := audit.Query{Limit: 10, From: recs[5].RecordedAt.Add(time.Second)}
	if found, _, _ := all(t, r, q); len(found) != 0 {
		t.Errorf("found %q after the end", numbers(found))
	}
}

// The end that a search tells is where a tail can follow without a gap.
func TestSearchThenTail(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("ann"), login("ann"))
	r := b.reader(t)
	p, err := r.Search(t.Context(), audit.Query{Limit: 1})
	testenv.Must(t, err)
	b.record(t, 2, login("ann"))
	wantNext(t, tail(t, r, p.End, audit.Filter{}), 2)
}

func TestSearchOfAnotherStream(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("ann"), login("ann"))
	r := b.reader(t)
	p, err := r.Search(t.Context(), audit.Query{Limit: 1})
	testenv.Must(t, err)
	testenv.Must(t, b.js.DeleteStream(t.Context(), stream))
	b.record(t, 2, login("ann"))
	testenv.Eventually(t, patience, func() error {
		_, err := r.Search(t.Context(), audit.Query{Limit: 1, Before: p.Next})
		if !errors.Is(err, audit.ErrRecreated) {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
}

func TestSearchWithoutNATS(t *testing.T) {
	b := newBench(t, audit.Config{})
	b.run(t)
	b.record(t, 0, login("ann"))
	r := b.reader(t)
	b.nats.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if p, err := r.Search(ctx, audit.Query{Limit: 1}); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := r.Tail(ctx, audit.Position{}, audit.Filter{}); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
