package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

const (
	// fetchTimeout bounds one fetch, so that a stalled issuer cannot hold up
	// the next one.
	fetchTimeout = askWait
	maxJWKS      = 1 << 20
)

// Run keeps the set current until ctx ends, whose error it returns. It is the
// only one that fetches: one call at a time.
func (r *RemoteKeys) Run(ctx context.Context) error {
	retry := retryMin
	for {
		rd := r.begin()
		rd.err = r.fetch(ctx)
		r.remember(rd)
		r.end(rd)
		if ctx.Err() != nil {
			return ctx.Err() // not the issuer's fault
		}
		pause := r.every
		if rd.err == nil {
			retry = retryMin
		} else {
			pause, retry = retry, min(2*retry, retryMax)
			r.log.WarnContext(ctx, "cannot load signing keys", "error", rd.err, "ready", r.Ready())
		}
		if err := r.rest(ctx, jitter(pause)); err != nil {
			return err
		}
	}
}

// remember keeps the kids that a good fetch did not bring.
func (r *RemoteKeys) remember(rd *round) {
	if rd.err != nil || len(rd.kids) == 0 {
		return
	}
	set := *r.set.Load()
	maps.DeleteFunc(rd.kids, func(kid string, _ struct{}) bool { _, ok := set[kid]; return ok })
	r.absent.Store(&absent{kids: rd.kids, until: time.Now().Add(unknownFor)})
}

// rest returns when the pause is over, or earlier when somebody asks. With a
// set at hand it lasts at least fetchGap, whoever asks.
func (r *RemoteKeys) rest(ctx context.Context, pause time.Duration) error {
	over := time.NewTimer(pause)
	defer over.Stop()
	var wake <-chan struct{}
	if r.Ready() {
		gap := time.NewTimer(fetchGap)
		defer gap.Stop()
		select {
		case <-gap.C:
			r.gapIsOver()
		case <-ctx.Done():
			return ctx.Err()
		}
		wake = r.wake
	}
	select {
	case <-over.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// jitter spreads edges that were started together by a tenth either way.
func jitter(d time.Duration) time.Duration {
	return d*9/10 + rand.N(d/5)
}

// fetch replaces the set by the issuer's current one, or leaves it as it is.
func (r *RemoteKeys) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	url, err := r.locate(ctx)
	if err != nil {
		return err
	}
	body, err := get(ctx, r.client, url)
	if err != nil {
		return err
	}
	set, skipped, err := parseJWKS(body)
	if err != nil {
		return err
	}
	old := keySet{}
	if p := r.set.Load(); p != nil {
		old = *p
	}
	withdrawn := set.inherit(old)
	r.set.Store(&set)
	for _, key := range withdrawn {
		key.withdrawn.Store(true)
	}
	kids := slices.Sorted(maps.Keys(set))
	if len(withdrawn) > 0 || !slices.Equal(kids, slices.Sorted(maps.Keys(old))) {
		r.log.InfoContext(ctx, "signing keys loaded", "kids", kids, "skipped", skipped)
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("token: key set: status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKS+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxJWKS {
		return nil, errors.New("token: key set over 1 MiB")
	}
	return body, nil
}
