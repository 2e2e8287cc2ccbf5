package demo

import (
	"math"
	"strings"
	"time"
)

const (
	barWidth = 40
	// barScale is what a full bar stands for, unless a refusal took longer.
	barScale = 50 * time.Millisecond
)

// draw shows one bar an edge, and says how it went.
func (d *demo) draw(refusals []refusal) error {
	scale, worst := barScale, time.Duration(0)
	for _, r := range refusals {
		worst = max(worst, r.after)
		scale = max(scale, r.after)
	}
	d.say("from the logout's answer to the first refusal (a full bar is %s)", ms(scale))
	for n, r := range refusals {
		if r.err != nil {
			d.say("edge-%d  %s  never refused", n+1, strings.Repeat("!", barWidth))
			return r.err
		}
		full := max(1, int(math.Round(float64(barWidth)*float64(r.after)/float64(scale))))
		d.say("edge-%d  %s%s  401 token_revoked after %s", n+1,
			strings.Repeat("█", full), strings.Repeat("·", barWidth-full), ms(r.after))
	}
	d.say("")
	d.say("%d of %d edges refused, the last after %s. None of them asked the network.", len(refusals), len(refusals), ms(worst))
	return nil
}
