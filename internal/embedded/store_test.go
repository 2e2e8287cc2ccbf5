package embedded

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestStoreNeedsItsPassword(t *testing.T) {
	s := startStore(t)
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	stranger := redis.NewClient(&redis.Options{Addr: u.Host, Protocol: 2, MaxRetries: -1})
	defer stranger.Close()
	for _, cmd := range [][]any{
		{"INFO", "server"}, {"INFO", "replication"}, {"GET", "x"}, {"EVAL", "return 1", 0}, {"EVAL_RO", "return 1", 0}, {"FLUSHALL"},
	} {
		v, err := stranger.Do(t.Context(), cmd...).Result()
		if err == nil || !strings.Contains(err.Error(), "NOAUTH") {
			t.Errorf("%v without a password: %v, %v", cmd, v, err)
		}
	}
}

func TestStoreIdentifiesItself(t *testing.T) {
	const ask = `return redis.call('INFO', 'server') .. redis.call('INFO', 'replication') .. redis.call('TIME')[1]`
	a, b := client(t, startStore(t)), client(t, startStore(t))
	got, err := a.EvalRO(t.Context(), ask, nil).Text()
	if err != nil || !strings.Contains(got, "run_id:") || !strings.Contains(got, "master_replid:") {
		t.Fatalf("got %q, %v", got, err)
	}
	if other, _ := b.EvalRO(t.Context(), ask, nil).Text(); other[:60] == got[:60] {
		t.Error("two stores have one identity")
	}
}

// A key that is there when a script begins is there when it ends, as in Redis.
func TestNothingExpiresInsideScript(t *testing.T) {
	c := client(t, startStore(t))
	const script = `
		redis.call('SET', 'k', 'v', 'PX', 1)
		local n = 0
		for i = 1, 5000 do n = n + redis.call('EXISTS', 'k') end
		return n`
	n, err := c.Eval(t.Context(), script, nil).Int()
	if err != nil || n != 5000 {
		t.Fatalf("the key was there %d times of 5000, %v", n, err)
	}
	limit := time.After(10 * time.Second)
	for c.Eval(t.Context(), `return redis.call('EXISTS', 'k')`, nil).Val() != int64(0) {
		select {
		case <-limit:
			t.Fatal("the key never expired")
		default:
		}
	}
}

func startStore(t *testing.T) *Store {
	t.Helper()
	s, err := StartStore()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, s *Store) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	o.Protocol = 2
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}
