package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/embedded"
)

// Sessions that were looked for on one server say nothing of those on the next:
// a cut is forgotten only where the pass was made, and as it was then.
func TestCutIsForgottenOnlyAfterItsOwnPass(t *testing.T) {
	server, err := embedded.StartStore()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	t.Cleanup(server.Close)
	rdb, err := Open(server.URL(), Options{})
	check(err)
	t.Cleanup(func() { _ = rdb.Close() })
	s := New(rdb, "r")
	refill, err := s.BeginRefill(t.Context())
	check(err)
	check(s.Vouch(t.Context(), refill, time.Now()))
	check(rdb.HSet(t.Context(), s.keys.cuts(), "member", "7 *").Err())
	here, err := s.run(t.Context(), "whoami", s.scripts.whoami, []string{s.keys.vouch()})
	check(err)
	for _, pass := range []struct {
		on, seen string
		kept     bool
	}{
		{"0123456789abcdef-0123456789abcdef 0 0", "7 *", true},
		{strings.Replace(here[0], " 0 ", " 1 ", 1), "7 *", true}, // a list was thrown away since
		{here[0], "5 *", true},
		{here[0], "7 *", false},
	} {
		_, err := s.run(t.Context(), "reaped", s.scripts.reaped, []string{s.keys.cuts(), s.keys.vouch()}, "member", pass.seen, pass.on)
		check(err)
		kept, err := rdb.HExists(t.Context(), s.keys.cuts(), "member").Result()
		check(err)
		if kept != pass.kept {
			t.Errorf("after a pass on %s that saw %q: kept %t", pass.on, pass.seen, kept)
		}
	}
}
