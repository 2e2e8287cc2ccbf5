package doctor

import (
	"fmt"
	"time"
)

// judgeBounds compares how long the edges trust their copies with the issuer's
// setting, and names those that cannot read all of the log.
func (x *exam) judgeBounds() {
	for _, e := range x.edges {
		if e.last == nil {
			continue
		}
		switch own := e.last.StalenessMS; {
		case x.staleness == 0 || own == x.staleness:
		case own == 0:
			x.add("edge", e.label(), Warning, "does not tell its staleness, so the longest there is counts", "upgrade it: edges come before issuers")
		default:
			x.add("edge", e.label(), Warning, fmt.Sprintf("has staleness %v, the issuer %v", milliseconds(own), milliseconds(x.staleness)),
				"set the same staleness on all issuers and edges")
		}
		if e.last.Doubt {
			x.add("edge", e.label(), Warning, "is in doubt: it cannot read all of the log, and answers 503 about every token that it does not know to be revoked", "upgrade it, and see its log")
		}
	}
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
