package doctor

import (
	"fmt"
	"time"
)

// clockTolerance is how far two clocks may seem apart that are not: dates are
// whole seconds and may be a second or two old, and the answer took a while.
const clockTolerance = 10 * time.Second

const thisMachine = "this machine"

// A reading is how far a clock is ahead of this machine's.
type reading struct {
	who   string
	ahead time.Duration
}

// read notes what a clock showed at a moment of this machine's. A zero date is
// none.
func (x *exam) read(who string, date, at time.Time) {
	if date.IsZero() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clocks = append(x.clocks, reading{who, date.Sub(at)})
}

// judgeClocks believes the clock with which most others agree, and names
// those that do not agree with it.
func (x *exam) judgeClocks() {
	if len(x.clocks) == 0 {
		return
	}
	clocks := append([]reading{{who: thisMachine}}, x.clocks...)
	right, agreeing := believed(clocks)
	if agreeing*2 <= len(clocks) {
		x.add("clock", "all", Failed, "the clocks disagree, and no majority of them agrees: "+spread(clocks), "run NTP on every machine")
		return
	}
	wrong := 0
	for _, c := range clocks {
		if c.near(right) {
			continue
		}
		wrong++
		result := Failed
		if c.who == thisMachine {
			result = Warning // it is no part of the cluster
		}
		x.add("clock", c.who, result, c.off(right), "run NTP there; tokens seem too old or too new to a wrong clock")
	}
	if wrong == 0 {
		x.add("clock", "all", OK, fmt.Sprintf("%d clocks agree", len(clocks)), "")
	}
}

func (c reading) near(o reading) bool { return (c.ahead - o.ahead).Abs() <= clockTolerance }

func (c reading) off(right reading) string {
	d := (c.ahead - right.ahead).Round(time.Second)
	if d < 0 {
		return fmt.Sprintf("its clock is %v behind the others", -d)
	}
	return fmt.Sprintf("its clock is %v ahead of the others", d)
}

// believed is the clock with which most agree, and how many do, itself
// included.
func believed(clocks []reading) (right reading, agreeing int) {
	for _, c := range clocks {
		n := 0
		for _, o := range clocks {
			if c.near(o) {
				n++
			}
		}
		if n > agreeing {
			right, agreeing = c, n
		}
	}
	return right, agreeing
}

func spread(clocks []reading) (text string) {
	for n, c := range clocks {
		if n > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %+.0fs", c.who, c.ahead.Seconds())
	}
	return text
}
