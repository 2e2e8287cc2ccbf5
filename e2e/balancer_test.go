package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A balancer sends each request to the next backend that said, at the last
// look, that it is ready. It never tries a second one: what a backend loses is
// lost. It keeps its connections open, as they all do.
type balancer struct {
	*httptest.Server
	backends []*backendOf
	turn     atomic.Uint64
	repeated atomic.Uint64 // requests that its client sent on a second connection
	mu       sync.Mutex
	failures []string
}

type backendOf struct {
	*service
	proxy  *httputil.ReverseProxy
	ready  atomic.Bool
	served atomic.Uint64
}

// balance starts a balancer over services, which must be ready.
func balance(t *testing.T, services []*service) *balancer {
	t.Helper()
	b := &balancer{}
	for _, s := range services {
		target, err := url.Parse(s.url)
		if err != nil {
			t.Fatal(err)
		}
		of := &backendOf{service: s, proxy: httputil.NewSingleHostReverseProxy(target)}
		of.proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 32, TLSClientConfig: trusting()}
		of.proxy.ErrorHandler = b.lost(of)
		of.ready.Store(true)
		b.backends = append(b.backends, of)
	}
	b.Server = secureServer(t, b)
	ctx, stop := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	for _, of := range b.backends {
		looking.Go(func() { of.look(ctx) })
	}
	t.Cleanup(func() { stop(); looking.Wait() })
	return b
}

// look asks often; a real balancer asks less often, of services that wait
// longer.
func (of *backendOf) look(ctx context.Context) {
	for tick := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil; <-tick.C {
		of.ready.Store(of.probe("/readyz", http.StatusOK) == nil)
	}
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	of := b.next()
	if of == nil {
		b.fail("nobody is ready for " + r.Method + " " + r.URL.Path)
		http.Error(w, "nobody is ready", http.StatusBadGateway)
		return
	}
	var connections atomic.Uint64
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		if connections.Add(1) == 2 {
			b.repeated.Add(1)
		}
	}}
	of.proxy.ServeHTTP(w, r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	of.served.Add(1)
}

func (b *balancer) next() *backendOf {
	for range b.backends {
		if of := b.backends[b.turn.Add(1)%uint64(len(b.backends))]; of.ready.Load() {
			return of
		}
	}
	return nil
}

func (b *balancer) lost(of *backendOf) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		b.fail(fmt.Sprintf("%s lost %s %s: %v", of.Name(), r.Method, r.URL.Path, err))
		w.WriteHeader(http.StatusBadGateway)
	}
}

func (b *balancer) fail(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.failures) < 10 { // enough to read
		b.failures = append(b.failures, what)
	}
}

// mustHaveLostNothing ends what the balancer has to say.
func (b *balancer) mustHaveLostNothing(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, failure := range b.failures {
		t.Error(failure)
	}
	if n := b.repeated.Load(); n > 0 {
		t.Errorf("%d requests had to be sent twice", n)
	}
}
