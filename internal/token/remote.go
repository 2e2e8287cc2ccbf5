package token

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// refreshEvery is below the time for which issuers publish a new key
	// before it signs, so that a rotation costs no request anything; and it is
	// how long a key is trusted after the issuer has withdrawn it.
	refreshEvery = 30 * time.Second
	// fetchGap is the least time between two fetches that unknown kids
	// cause: a flood of them costs the issuer a small request every 2 s.
	fetchGap = 2 * time.Second
	// unknownFor is for how long a kid that a fetch did not bring is refused
	// without asking again.
	unknownFor = 3 * time.Second
	// retryMin and retryMax bound the pause after a failed fetch.
	retryMin = 100 * time.Millisecond
	retryMax = 5 * time.Second
	// askWait is the longest that Key waits: for the gap, and a fetch.
	askWait = 3 * time.Second
	// maxAsking bounds the callers that wait for one fetch.
	maxAsking = 1024
)

// RemoteKeys is a KeySource that reads the issuer's JWK Set over HTTP. Run
// must be running. The last good set is kept however long the issuer is away.
type RemoteKeys struct {
	locate func(context.Context) (string, error) // where the set is
	every  time.Duration                         // between two fetches
	client *http.Client
	log    *slog.Logger
	set    atomic.Pointer[keySet] // nil until the first set is loaded
	absent atomic.Pointer[absent] // nil until the first fetch
	wake   chan struct{}          // holds one value when next has callers

	mu      sync.Mutex
	next    *round // the fetch that has not begun yet
	current *round // the one that goes on; nil between two
	pause   error  // what to say within fetchGap of a fetch; nil after it
}

// A round is one fetch, shared by all callers that asked before it ended.
type round struct {
	asking int                 // guarded by RemoteKeys.mu
	kids   map[string]struct{} // asked for; guarded by RemoteKeys.mu until begin
	done   chan struct{}
	err    error // set before done is closed
}

func newRound() *round {
	return &round{done: make(chan struct{}), kids: map[string]struct{}{}}
}

// absent are the kids that the last fetch was asked for and did not bring. It
// is never changed, and has at most maxAsking.
type absent struct {
	kids  map[string]struct{}
	until time.Time
}

// KeysClient is a client for key sets that verifies servers as c says; nil: by the
// system's authorities. It cannot be led from https to where anybody on the way could
// put in keys.
func KeysClient(c *tls.Config) *http.Client {
	client := &http.Client{CheckRedirect: checkRedirect}
	if c != nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = c.Clone()
		client.Transport = transport
	}
	return client
}

// NewRemoteKeys reads url with the client; nil: that of KeysClient(nil).
func NewRemoteKeys(url string, client *http.Client, log *slog.Logger) *RemoteKeys {
	if client == nil {
		client = KeysClient(nil)
	}
	locate := func(context.Context) (string, error) { return url, nil }
	return &RemoteKeys{locate: locate, every: refreshEvery, client: client, log: log, wake: make(chan struct{}, 1), next: newRound()}
}

// Ready reports whether a key set was ever loaded.
func (r *RemoteKeys) Ready() bool { return r.set.Load() != nil }

// KeyIDs lists the kids of the set, sorted.
func (r *RemoteKeys) KeyIDs() []string {
	set := r.set.Load()
	if set == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(*set))
}

// Key implements KeySource. A known kid costs a map lookup. An unknown one waits for
// a fetch, three seconds at most, so a key is found as soon as the issuer publishes it; if it does not, the same kid is refused at
// once for the next three seconds. Within fetchGap of the last fetch nobody waits,
// or whoever forges tokens could hold requests: a kid is then refused by that set,
// and asked for beside. Nor does anybody before the first set is loaded: Run is
// retrying anyway.
func (r *RemoteKeys) Key(ctx context.Context, kid string) (PublicKey, error) {
	if key, ok := r.lookup(kid); ok {
		return key, nil
	}
	if !r.Ready() {
		return PublicKey{}, fmt.Errorf("%w: none loaded yet", ErrKeysUnavailable)
	}
	if r.isAbsent(kid) {
		return PublicKey{}, ErrKeyAbsent
	}
	rd, late, err := r.join(kid)
	if err != nil {
		return PublicKey{}, err
	}
	if err := rd.wait(ctx); err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
	}
	if key, ok := r.lookup(kid); ok {
		return key, nil
	}
	if late {
		return PublicKey{}, ErrKeyAbsent // as of when that fetch began
	}
	return PublicKey{}, fmt.Errorf("%w: unknown key", ErrInvalid)
}

func (r *RemoteKeys) lookup(kid string) (PublicKey, bool) {
	set := r.set.Load()
	if set == nil {
		return PublicKey{}, false
	}
	key, ok := (*set)[kid]
	return key, ok
}

func (r *RemoteKeys) isAbsent(kid string) bool {
	a := r.absent.Load()
	if a == nil || !time.Now().Before(a.until) {
		return false
	}
	_, ok := a.kids[kid]
	return ok
}

// wait waits for the fetch to end.
func (rd *round) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	select {
	case <-rd.done:
		return rd.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join has the next fetch bring a kid, and returns the one to wait for: that which
// goes on, since the next is a gap away from it; late says so: it began before the
// question. Within the gap it is an error.
func (r *RemoteKeys) join(kid string) (rd *round, late bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if full := r.next.asking == maxAsking; full && r.pause == nil {
		return nil, false, fmt.Errorf("%w: too many tokens with unknown keys", ErrKeysUnavailable)
	} else if !full {
		r.next.asking++
		r.next.kids[strings.Clone(kid)] = struct{}{}
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	switch {
	case r.pause != nil:
		return nil, false, r.pause
	case r.current != nil:
		return r.current, true, nil
	}
	return r.next, false, nil
}

// begin closes the round to further callers.
func (r *RemoteKeys) begin() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	rd := r.next
	r.next, r.current = newRound(), rd
	select {
	case <-r.wake:
	default:
	}
	return rd
}

// end lets go of those who wait for the round. With a set at hand whoever asks before
// the gap is over is told how it went.
func (r *RemoteKeys) end(rd *round) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = nil
	if r.Ready() {
		if r.pause = ErrKeyAbsent; rd.err != nil {
			r.pause = fmt.Errorf("%w: %w", ErrKeysUnavailable, rd.err)
		}
	}
	close(rd.done)
}

// gapIsOver has the next who asks wait for a fetch.
func (r *RemoteKeys) gapIsOver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pause = nil
}
