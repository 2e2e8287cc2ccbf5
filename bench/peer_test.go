package main

import (
	"context"
	"testing"
)

// BenchmarkPeer is what a check costs without Curfew.
func BenchmarkPeer(b *testing.B) {
	w, err := newWorld(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.close)
	rdb, err := w.goRedis()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = rdb.Close() })
	raw := w.token
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.verify(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify-exists", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			claims, err := w.verify(raw)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := rdb.Exists(b.Context(), "revoked:"+claims.ID).Result(); err != nil || n != 0 {
				b.Fatal(n, err)
			}
		}
	})
}
