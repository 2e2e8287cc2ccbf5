package guard

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/token"
)

const benchIssuer, benchAudience = "https://issuer.test", "api"

// BenchmarkCheck is the hot path: a good token, among so many revocations,
// none of them its own. Cold is a token that is not remembered.
func BenchmarkCheck(b *testing.B) {
	for name, entries := range map[string]int{"1k": 1_000, "1M": 1_000_000, "10M": 10_000_000} {
		var g *Guard // filled only if it was asked for, and once for all rounds
		var raw []string
		b.Run("warm/"+name, func(b *testing.B) {
			if g == nil {
				g, raw = newBenchGuard(b, entries)
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.Int(); pb.Next(); i++ {
					g.mustPass(b, raw[i%len(raw)], i)
				}
			})
		})
	}
	b.Run("cold", func(b *testing.B) {
		g, raw := newBenchGuard(b, 1_000)
		var err error
		if g.tokens, err = cache.NewTokens[*verified](1, tokenBytes); err != nil {
			b.Fatal(err)
		}
		for i := 0; b.Loop(); i++ {
			g.mustPass(b, raw[i%len(raw)], i)
		}
	})
}

func (g *Guard) mustPass(b *testing.B, raw string, i int) {
	if i%(1<<14) == 0 {
		g.copy.Renew(g.copy.Now())
	}
	if _, err := g.Check(context.Background(), raw); err != nil {
		b.Fatal(err)
	}
}

// newBenchGuard is a guard as New makes it, without servers, that holds so many
// revocations, and good tokens for it.
func newBenchGuard(b *testing.B, entries int) (*Guard, []string) {
	keyring, err := token.OpenKeyring(token.KeyringConfig{Dir: b.TempDir(), Create: true})
	if err != nil {
		b.Fatal(err)
	}
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(keyring.JWKS())
	}))
	b.Cleanup(jwks.Close)
	cfg := Config{
		ID: "bench", NATSURL: "none", Issuer: benchIssuer, Audience: benchAudience, JWKSURL: jwks.URL,
		CacheEntries: max(entries, 10_000),
	}
	if err := cfg.setDefaults(); err != nil {
		b.Fatal(err)
	}
	g := &Guard{config: cfg, keys: cache.NewKeys(), remote: token.NewRemoteKeys(cfg.JWKSURL, nil, slog.New(slog.DiscardHandler))}
	if err := g.openMemory(); err != nil {
		b.Fatal(err)
	}
	g.metrics = newMetrics(prometheus.NewRegistry(), g)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.remote.Run(ctx)
	}()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	for range entries {
		var key cache.Key // what a hash of an id looks like
		binary.LittleEndian.PutUint64(key[:8], rand.Uint64())
		binary.LittleEndian.PutUint64(key[8:], rand.Uint64())
		g.copy.Add(key, time.Hour)
	}
	g.copy.Renew(g.copy.Now())
	for !g.remote.Ready() {
		time.Sleep(time.Millisecond)
	}
	return g, benchTokens(b, keyring)
}

func benchTokens(b *testing.B, keyring *token.Keyring) (raw []string) {
	now := time.Now()
	for range 256 {
		t, err := keyring.Mint(token.Claims{
			Issuer: benchIssuer, Subject: "u-1", ID: crand.Text(), SessionID: crand.Text(), Tenant: "default", Region: "local",
			Audience: []string{benchAudience}, Roles: []string{"user"}, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
			IssuedAtMillis: now.UnixMilli(),
		})
		if err != nil {
			b.Fatal(err)
		}
		raw = append(raw, t)
	}
	return raw
}
