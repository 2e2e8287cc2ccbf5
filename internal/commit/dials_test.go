package commit

import (
	"fmt"
	"testing"
	"time"
)

func TestDials(t *testing.T) {
	var d dials
	start := time.Now()
	at := func(store, own time.Duration) reading { return reading{start.Add(store), start.Add(own)} }
	says := func(vouch string, own, want time.Duration) {
		t.Helper()
		r, ok := d.of(vouch)
		if !ok {
			t.Fatalf("%s is not known", vouch)
		}
		if got := r.at(start.Add(own)).Sub(start); got != want {
			t.Errorf("the clock of %s says %s, want %s", vouch, got, want)
		}
	}
	d.saw("a", at(time.Hour, 0))
	says("a", time.Minute, time.Hour+time.Minute)
	for n := range time.Duration(10) { // set back a little each time
		d.saw("a", at(time.Hour-n*30*time.Second, n*time.Second))
	}
	says("a", time.Minute, time.Hour+time.Minute)
	d.saw("a", at(2*time.Hour, time.Minute))
	d.saw("b", at(0, time.Minute))
	says("a", 2*time.Minute, 2*time.Hour+time.Minute)
	says("b", 2*time.Minute, time.Minute)
	if _, ok := d.of(""); ok {
		t.Error("a vouch without a name is known")
	}
	for n := range maxDials {
		d.saw(fmt.Sprint("later ", n), at(0, 0))
	}
	if _, ok := d.of("b"); ok || len(d) != maxDials {
		t.Errorf("%d are remembered, the oldest %t", len(d), ok)
	}
}

func TestLogDial(t *testing.T) {
	var l logDial
	if !l.now().IsZero() {
		t.Error("known without a beat")
	}
	start := time.Now()
	for _, beat := range []struct{ ahead, at time.Duration }{
		{time.Hour, 0}, {5 * time.Hour, time.Minute}, {time.Minute, 10 * time.Minute}, {time.Hour, 9 * time.Minute},
	} {
		l.saw(start.Add(beat.at+beat.ahead).UnixMilli(), start.Add(beat.at))
	}
	l.saw(0, start.Add(time.Hour)) // of an edge
	if got, want := l.now(), start.Add(10*time.Minute+5*time.Hour); got.Sub(want).Abs() > time.Millisecond {
		t.Errorf("at most %s, want %s", got, want)
	}
}

// A step is a reading of the store's clock, and how much we had counted by then.
type step struct{ store, own time.Duration }

func TestPace(t *testing.T) {
	start := time.Now()
	for name, c := range map[string]struct {
		steps []step
		leapt bool
	}{
		"alike":             {[]step{{time.Hour, time.Hour}}, false},
		"within the slack":  {[]step{{leapSlack, 0}}, false},
		"a leap":            {[]step{{leapSlack + 1, 0}}, true},
		"little by little":  {[]step{{20 * time.Second, 0}, {40 * time.Second, 10 * time.Second}, {60 * time.Second, 20 * time.Second}}, true},
		"slewed for a day":  {[]step{{24*time.Hour + 2*time.Minute, 24 * time.Hour}}, false},
		"fast for a day":    {[]step{{24*time.Hour + 4*time.Minute, 24 * time.Hour}}, true},
		"lags, catches up":  {[]step{{0, time.Hour}, {time.Hour, time.Hour + time.Second}}, true},
		"set back":          {[]step{{-time.Hour, 0}, {-time.Hour + time.Minute, time.Minute}}, false},
		"back, then leaps":  {[]step{{-time.Hour, 0}, {0, time.Minute}}, true},
		"we lag: a pause":   {[]step{{time.Minute, time.Minute}, {time.Hour, time.Hour}}, false},
		"we slept for long": {[]step{{time.Hour, time.Second}}, true},
	} {
		p, leapt := pace{base: &reading{start, start}}, false
		for _, s := range c.steps {
			leapt = p.leapt(reading{start.Add(s.store), start.Add(s.own)})
		}
		if leapt != c.leapt {
			t.Errorf("%s: leapt %t, want %t", name, leapt, c.leapt)
		}
	}
}
