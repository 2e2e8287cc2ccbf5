package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	refreshEvery = 5 * time.Minute
	// fetchGap is the least time between two fetches that unknown kids
	// cause: a flood of them costs the issuer one small request a second.
	fetchGap = time.Second
	// retryMin and retryMax bound the pause after a failed fetch.
	retryMin = 100 * time.Millisecond
	retryMax = 5 * time.Second
	// askWait is the longest that Key waits.
	askWait = 2 * time.Second
	// maxAsking bounds the callers that wait for one fetch.
	maxAsking = 1024
)

// RemoteKeys is a KeySource that reads the issuer's JWK Set over HTTP. Run
// must be running. The last good set is kept however long the issuer is away.
type RemoteKeys struct {
	url    string
	client *http.Client
	log    *slog.Logger
	set    atomic.Pointer[keySet] // nil until the first set is loaded
	wake   chan struct{}          // holds one value when next has callers

	mu   sync.Mutex
	next *round // the fetch that has not begun yet
}

// A round is one fetch, shared by all callers that asked before it began: what
// it brings is newer than their questions.
type round struct {
	asking int // guarded by RemoteKeys.mu
	done   chan struct{}
	err    error // set before done is closed
}

func newRound() *round { return &round{done: make(chan struct{})} }

// NewRemoteKeys reads url with the client, http.DefaultClient when nil.
func NewRemoteKeys(url string, client *http.Client, log *slog.Logger) *RemoteKeys {
	if client == nil {
		client = http.DefaultClient
	}
	return &RemoteKeys{url: url, client: client, log: log, wake: make(chan struct{}, 1), next: newRound()}
}

// Ready reports whether a key set was ever loaded.
func (r *RemoteKeys) Ready() bool { return r.set.Load() != nil }

// Key implements KeySource. A known kid costs a map lookup. An unknown one
// waits, at most two seconds, for a fetch that begins after the question, so
// a key is found as soon as the issuer publishes it. Before the first set is
// loaded it does not wait: Run is retrying anyway.
func (r *RemoteKeys) Key(ctx context.Context, kid string) (PublicKey, error) {
	if key, ok := r.lookup(kid); ok {
		return key, nil
	}
	if !r.Ready() {
		return PublicKey{}, fmt.Errorf("%w: none loaded yet", ErrKeysUnavailable)
	}
	if err := r.ask(ctx); err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
	}
	if key, ok := r.lookup(kid); ok {
		return key, nil
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

// ask waits for the next fetch to begin and end. nil means that the set is
// now as the issuer had it after ask was called.
func (r *RemoteKeys) ask(ctx context.Context) error {
	rd, err := r.join()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	select {
	case <-rd.done:
		return rd.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *RemoteKeys) join() (*round, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next.asking == maxAsking {
		return nil, errors.New("too many tokens with unknown keys")
	}
	r.next.asking++
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return r.next, nil
}

// begin closes the round to further callers.
func (r *RemoteKeys) begin() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	rd := r.next
	r.next = newRound()
	select {
	case <-r.wake:
	default:
	}
	return rd
}
