package redisstore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
)

const secret = "hunter2-secret"

func TestBadURLKeepsItsPassword(t *testing.T) {
	for _, url := range []string{
		"", "redis://:" + secret + "@host:port", "http://:" + secret + "@h/0", "redis://:" + secret + "@h/x",
		"redis://:" + secret + "@h/0?nonsense=1", "redis://:" + secret + "@h:1?addr=%zz", "redis://:" + secret + "@h:1?addr=a:1&x=1",
		"redis://:" + secret + "@h:1?master_name=m&x=1", "redis://:" + secret + "\x7f@h",
	} {
		_, err := redisstore.Open(url, redisstore.Options{})
		if !errors.Is(err, redisstore.ErrBadURL) || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestOpenKinds(t *testing.T) {
	single, err := redisstore.Open("rediss://u:p@h:1/2", redisstore.Options{PoolSize: 7})
	check(t, err)
	defer single.Close()
	o := single.(*redis.Client).Options()
	if !o.ContextTimeoutEnabled || o.MaxRetries > 0 || o.DialTimeout != time.Second || o.ReadTimeout != time.Second ||
		o.Protocol != 2 || o.DB != 2 || o.PoolSize != 7 || o.TLSConfig == nil {
		t.Errorf("options: %+v", o)
	}
	cluster, err := redisstore.Open("redis://h:1?addr=h:2&read_only=true", redisstore.Options{})
	check(t, err)
	defer cluster.Close()
	if c, ok := cluster.(*redis.ClusterClient); !ok || c.Options().ReadOnly || len(c.Options().Addrs) != 2 {
		t.Errorf("not a cluster client that reads from primaries: %T", cluster)
	}
	sentinel, err := redisstore.Open("redis://h:1?master_name=m&addr=h:2", redisstore.Options{})
	check(t, err)
	defer sentinel.Close()
	if !strings.Contains(sentinel.(*redis.Client).String(), "FailoverClient") {
		t.Errorf("not a Sentinel client: %v", sentinel)
	}
}

func TestUnreachableIsUnavailable(t *testing.T) {
	stalled, err := net.Listen("tcp", "127.0.0.1:0") // accepts, never answers
	check(t, err)
	defer stalled.Close()
	rdb := open(t, "redis://:"+secret+"@"+stalled.Addr().String()+"/0")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = redisstore.NewLookup(rdb, "r").Lookup(ctx, redisstore.Question{IDs: []string{"token:x"}}, time.Hour)
	wantUnavailable(t, "lookup", err)
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("the deadline of 50 ms bound the lookup to %v", d)
	}
}

func TestEveryFailureIsUnavailable(t *testing.T) {
	embedded := startEmbedded(t)
	store := redisstore.New(open(t, strings.Replace(embedded.URL(), "redis://:", "redis://:"+secret, 1)), "r")
	refill, err := store.BeginRefill(t.Context())
	wantUnavailable(t, "begin refill with a wrong password", err)
	wantUnavailable(t, "vouch", store.Vouch(t.Context(), refill, time.Now()))
	_, err = store.KeepVouch(t.Context(), time.Now())
	wantUnavailable(t, "keep vouch", err)
	_, err = store.Get(t.Context(), "x")
	wantUnavailable(t, "get", err)
	_, err = store.List(t.Context(), "iss", "t", "u")
	wantUnavailable(t, "list", err)
	_, err = store.Revoke(t.Context(), revocation())
	wantUnavailable(t, "revoke", err)
	wantUnavailable(t, "apply", store.Apply(t.Context(), "", []events.Revocation{revocation()}))
	_, err = store.Settle(t.Context(), events.Revocation{ID: "x"})
	wantUnavailable(t, "settle", err)
	_, err = store.Outbox(t.Context(), 1)
	wantUnavailable(t, "outbox", err)
	for _, err := range store.Live(t.Context()) {
		wantUnavailable(t, "live", err)
	}
}

func wantUnavailable(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, session.ErrUnavailable) || strings.Contains(err.Error(), secret) {
		t.Errorf("%s: %v", what, err)
	}
}
