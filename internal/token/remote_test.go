package token

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A fakeIssuer answers without a network, so that synctest's clock runs.
type fakeIssuer struct {
	t        *testing.T
	body     atomic.Pointer[string]
	down     atomic.Bool // answers 503
	stalled  atomic.Bool // never answers
	requests atomic.Int64
	inFlight atomic.Int64
}

func (f *fakeIssuer) publish(k *Keyring) { s := string(k.JWKS()); f.body.Store(&s) }

func (f *fakeIssuer) RoundTrip(req *http.Request) (*http.Response, error) {
	f.requests.Add(1)
	if f.inFlight.Add(1) > 1 {
		f.t.Error("two fetches at a time")
	}
	defer f.inFlight.Add(-1)
	rec := httptest.NewRecorder()
	switch {
	case f.stalled.Load():
		<-req.Context().Done()
		return nil, req.Context().Err()
	case f.down.Load():
		rec.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = rec.WriteString(*f.body.Load())
	return rec.Result(), nil
}

// startRemote runs RemoteKeys against an issuer with one key, k-1, until the
// test ends. Call it inside a synctest bubble.
func startRemote(t *testing.T) (*RemoteKeys, *fakeIssuer) {
	t.Helper()
	f := &fakeIssuer{t: t}
	f.publish(testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)}))
	r := NewRemoteKeys("http://issuer/jwks.json", &http.Client{Transport: f}, slog.New(slog.DiscardHandler))
	run(t, r)
	return r, f
}

func run(t *testing.T, r *RemoteKeys) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// wantKey looks up kid, and wants err within the time of the contract.
func wantKey(t *testing.T, r *RemoteKeys, kid string, want error) {
	t.Helper()
	begun := time.Now()
	key, err := r.Key(t.Context(), kid)
	if !errors.Is(err, want) || err == nil && key.ID() != kid {
		t.Errorf("Key(%s) = %q, %v; want %v", kid, key.id, err, want)
	}
	if d := time.Since(begun); d > askWait {
		t.Errorf("Key(%s) took %v", kid, d)
	}
}

func TestNewKeyIsFoundAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := startRemote(t)
		synctest.Wait()
		wantKey(t, r, "k-1", nil)
		time.Sleep(fetchGap) // the bubble's clock
		synctest.Wait()
		f.publish(testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t), "k-2": edKey(t)}))
		begun := time.Now()
		wantKey(t, r, "k-2", nil)
		wantKey(t, r, "k-1", nil)
		if d := time.Since(begun); d != 0 || f.requests.Load() != 2 {
			t.Errorf("%v and %d requests, want at once and 2", d, f.requests.Load())
		}
		// Right after a fetch nobody waits, and the next one asks beside.
		f.publish(testKeyring(t, map[string]crypto.Signer{"k-3": edKey(t)}))
		begun = time.Now()
		wantKey(t, r, "k-3", ErrKeyAbsent)
		if d := time.Since(begun); d != 0 {
			t.Errorf("waited %v", d)
		}
		time.Sleep(fetchGap)
		synctest.Wait()
		wantKey(t, r, "k-3", nil)
		wantKey(t, r, "k-1", ErrInvalid) // withdrawn
	})
}

// TestOneUnknownKid: a token of a retired key, sent over and over, waits once
// and is then refused from memory; and is asked for again, since the key may
// have come.
func TestOneUnknownKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := startRemote(t)
		synctest.Wait()
		time.Sleep(fetchGap)
		synctest.Wait()
		for range 100 {
			wantKey(t, r, "k-2", ErrInvalid)
		}
		if n := f.requests.Load(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
		f.publish(testKeyring(t, map[string]crypto.Signer{"k-2": edKey(t)}))
		time.Sleep(unknownFor)
		wantKey(t, r, "k-2", nil)
	})
}

// TestWithdrawnKeys: claims that were verified with a key know when it goes,
// and when another comes under its name; not when it stays.
func TestWithdrawnKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := edKey(t), edKey(t)
		before := testKeyring(t, map[string]crypto.Signer{"k-1": one, "k-2": two})
		for name, tc := range map[string]struct {
			then map[string]crypto.Signer
			want bool
		}{
			"kept":     {map[string]crypto.Signer{"k-2": two, "k-3": edKey(t)}, true},
			"gone":     {map[string]crypto.Signer{"k-1": one}, false},
			"replaced": {map[string]crypto.Signer{"k-2": edKey(t)}, false},
		} {
			r, f := startRemote(t)
			f.publish(before)
			synctest.Wait()
			time.Sleep(2 * refreshEvery)
			v := testVerifier(t, r)
			raw := mint(t, before, goodClaims())
			c, err := v.Verify(t.Context(), raw)
			if err != nil || !c.KeyTrusted() {
				t.Fatalf("%s: %v, trusted %v at first", name, err, c.KeyTrusted())
			}
			f.publish(testKeyring(t, tc.then))
			time.Sleep(2 * refreshEvery)
			if _, err := v.Verify(t.Context(), raw); c.KeyTrusted() != tc.want || (err == nil) != tc.want {
				t.Errorf("%s: trusted %v, verifies anew: %v; want %v", name, c.KeyTrusted(), err, tc.want)
			}
		}
	})
}

func TestFloodOfUnknownKidsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := startRemote(t)
		synctest.Wait()
		const seconds, perTick = 10, 300
		begun := f.requests.Load()
		var wg sync.WaitGroup
		for i := range seconds * 10 {
			for j := range perTick {
				wg.Go(func() { flood(t, r, fmt.Sprint("unknown-", i, "-", j)) })
			}
			time.Sleep(100 * time.Millisecond)
			wantKey(t, r, "k-1", nil) // good tokens do not notice
		}
		if n := f.requests.Load() - begun; n < seconds/2-1 || n > seconds/2+1 {
			t.Errorf("%d requests in %d s, want one every %v", n, seconds, fetchGap)
		}
		f.publish(testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t), "k-2": edKey(t)}))
		wantKeyDespiteFlood(t, r, "k-2")
		wg.Wait()
	})
}

// wantKeyDespiteFlood: within the gap a new kid is refused, but the fetch that others
// asked for brings it.
func wantKeyDespiteFlood(t *testing.T, r *RemoteKeys, kid string) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		_, err := r.Key(t.Context(), kid)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrKeyAbsent) || time.Since(begun) > fetchGap+fetchGap/10 {
			t.Errorf("Key(%s): %v after %v, want it within %v", kid, err, time.Since(begun), fetchGap)
			return
		}
	}
}

// flood is one request of the flood: refused, one way or the other, in time.
func flood(t *testing.T, r *RemoteKeys, kid string) {
	begun := time.Now()
	_, err := r.Key(t.Context(), kid)
	if !errors.Is(err, ErrInvalid) || time.Since(begun) > 0 { // the bubble's clock: a fetch takes none
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func TestCallersThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := startRemote(t)
		time.Sleep(fetchGap)
		synctest.Wait()
		f.stalled.Store(true)
		var wg sync.WaitGroup
		var refused atomic.Int64
		for range 2*maxAsking + 500 {
			wg.Go(func() {
				begun := time.Now()
				_, err := r.Key(t.Context(), "k-2")
				if d := time.Since(begun); d > askWait || !errors.Is(err, ErrKeysUnavailable) {
					t.Errorf("%v after %v", err, d)
				} else if d == 0 {
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if refused.Load() < 500 {
			t.Errorf("%d callers were refused at once, want at least 500", refused.Load())
		}
	})
}

func TestLastGoodSetIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := startRemote(t)
		synctest.Wait()
		for name, breakIt := range map[string]func(){
			"down":     func() { f.down.Store(true) },
			"stalled":  func() { f.stalled.Store(true) },
			"nonsense": func() { s := "<html>"; f.body.Store(&s) },
			"emptied":  func() { s := `{"keys":[]}`; f.body.Store(&s) },
			"too much": func() { s := *f.body.Load() + strings.Repeat(" ", maxJWKS); f.body.Store(&s) },
		} {
			good := f.body.Load()
			breakIt()
			time.Sleep(10 * time.Minute)
			if !r.Ready() {
				t.Errorf("%s: no longer ready", name)
			}
			wantKey(t, r, "k-1", nil)
			wantKey(t, r, "k-2", ErrKeysUnavailable) // it may exist: nobody can say
			f.down.Store(false)
			f.stalled.Store(false)
			f.body.Store(good)
			time.Sleep(2 * retryMax) // recovers by itself
			wantKey(t, r, "k-2", ErrInvalid)
		}
	})
}

func TestNothingLoadedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeIssuer{t: t}
		f.down.Store(true)
		f.publish(testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)}))
		r := NewRemoteKeys("http://issuer/jwks.json", &http.Client{Transport: f}, slog.New(slog.DiscardHandler))
		run(t, r)
		time.Sleep(time.Minute)
		begun := time.Now()
		wantKey(t, r, "k-1", ErrKeysUnavailable)
		if time.Since(begun) != 0 {
			t.Errorf("Key waited %v for nothing", time.Since(begun))
		}
		if n := f.requests.Load(); r.Ready() || n < 12 || n > 25 {
			t.Errorf("ready %v after %d requests in a minute, want not, and 100 ms to 5 s between them", r.Ready(), n)
		}
		f.down.Store(false)
		time.Sleep(2 * retryMax)
		wantKey(t, r, "k-1", nil)
	})
}

func TestRefreshedTwiceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := startRemote(t)
		time.Sleep(time.Hour)
		if n := f.requests.Load(); n < 110 || n > 134 {
			t.Errorf("%d requests in an hour, want about 121", n)
		}
	})
}

func TestCallerMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := startRemote(t)
		time.Sleep(fetchGap)
		synctest.Wait()
		f.stalled.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := r.Key(ctx, "k-2")
		if d := time.Since(begun); !errors.Is(err, ErrKeysUnavailable) || d != 100*time.Millisecond {
			t.Errorf("%v after %v, want ErrKeysUnavailable with the context", err, d)
		}
	})
}

// lineChan passes on what is written, line by line.
type lineChan chan string

func (c lineChan) Write(p []byte) (int, error) { c <- string(p); return len(p), nil }

// TestOverHTTP is the whole way once: a keyring behind a real server, an edge
// that has only its URL.
func TestOverHTTP(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(k.JWKS())
	}))
	defer srv.Close()
	lines := make(lineChan, 16)
	r := NewRemoteKeys(srv.URL, nil, slog.New(slog.NewTextHandler(lines, nil)))
	run(t, r)
	if line := <-lines; !strings.Contains(line, "signing keys loaded") || !r.Ready() {
		t.Fatalf("first line of the log: %s", line)
	}
	if _, err := testVerifier(t, r).Verify(t.Context(), mint(t, k, goodClaims())); err != nil {
		t.Fatal(err)
	}
}

// A fetch that is cut short by the end of its own program is nobody's fault.
func TestEndingIsNoComplaint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeIssuer{t: t}
		f.stalled.Store(true)
		var log strings.Builder
		r := NewRemoteKeys("http://issuer/jwks.json", &http.Client{Transport: f}, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || log.Len() > 0 {
			t.Errorf("%v, and it says %q", err, log.String())
		}
	})
}
