package doctor

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestClocks: the wrong clock is named, whosever it is; where no majority
// agrees, none is.
func TestClocks(t *testing.T) {
	for _, c := range []struct {
		name   string
		clocks map[string]time.Duration // ahead of this machine's
		want   []string
	}{
		{"all right", map[string]time.Duration{"issuer": time.Second, "edge": -2 * time.Second, "store": 0}, []string{"ok all"}},
		{"edge", map[string]time.Duration{"issuer": 0, "store": 0, "edge": -5 * time.Minute}, []string{"FAILED edge"}},
		{"store", map[string]time.Duration{"issuer": 0, "store": 3 * time.Minute, "edge": 0}, []string{"FAILED store"}},
		{"issuer and edge", map[string]time.Duration{"issuer": time.Hour, "store": 0, "a": 0, "b": -time.Hour}, []string{"FAILED b", "FAILED issuer"}},
		{"this machine", map[string]time.Duration{"issuer": time.Minute, "store": time.Minute, "edge": time.Minute}, []string{"warning this machine"}},
		{"no majority", map[string]time.Duration{"issuer": time.Minute}, []string{"FAILED all"}},
		{"two and two", map[string]time.Duration{"issuer": 0, "store": time.Minute, "edge": time.Minute}, []string{"FAILED all"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, now := &exam{}, time.Now()
			for who, ahead := range c.clocks {
				x.read(who, now.Add(ahead), now)
			}
			x.judgeClocks()
			var got []string
			for _, f := range x.findings {
				got = append(got, fmt.Sprintf("%s %s", f.Result, f.Who))
			}
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
