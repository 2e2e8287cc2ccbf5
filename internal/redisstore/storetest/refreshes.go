package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
)

func refreshesTests() []test {
	return []test{
		{"the alarm is raised once per window, over issuers", alarmOnce},
		{"parallel refreshes raise one alarm", alarmParallel},
		{"a new window counts anew", alarmAnew},
	}
}

var alarm = session.RefreshAlarm{Count: 3, Window: time.Hour}

func newRefreshes(r *room) *redisstore.Refreshes {
	return redisstore.NewRefreshes(r.rdb, r.prefix[len("curfew:{"):len(r.prefix)-2])
}

func alarmOnce(t *testing.T, r *room) {
	issuers := [2]*redisstore.Refreshes{newRefreshes(r), newRefreshes(r)}
	for n := range 10 {
		for _, id := range [...]string{"s-1", "s-2"} {
			reached, err := issuers[n%2].Count(t.Context(), id, alarm)
			must(t, err)
			equal(t, "reached", reached, n == 2)
		}
	}
}

func alarmParallel(t *testing.T, r *room) {
	c := newRefreshes(r)
	var alarms atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			reached, err := c.Count(t.Context(), "s-1", alarm)
			if err != nil {
				t.Error(err)
			}
			if reached {
				alarms.Add(1)
			}
		})
	}
	wg.Wait()
	equal(t, "alarms", int(alarms.Load()), 1)
}

func alarmAnew(t *testing.T, r *room) {
	c := newRefreshes(r)
	first := session.RefreshAlarm{Count: 1, Window: 100 * time.Millisecond}
	reached, err := c.Count(t.Context(), "s-1", first)
	must(t, err)
	equal(t, "reached", reached, true)
	eventually(t, "a new window", func() bool {
		reached, err := c.Count(t.Context(), "s-1", first)
		must(t, err)
		return reached
	})
	_, err = c.Count(t.Context(), "s-2", alarm)
	must(t, err)
	_, err = c.Count(t.Context(), "s-2", alarm)
	must(t, err)
	if d := r.rdb.PTTL(t.Context(), r.prefix+"refreshed:s-2").Val(); d <= 0 || d > alarm.Window {
		t.Errorf("the count lives for %v", d)
	}
}
