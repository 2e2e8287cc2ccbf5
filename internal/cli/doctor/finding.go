package doctor

import (
	"cmp"
	"slices"
)

// A Result is how a check came out.
type Result string

// The results, from best to worst.
const (
	OK      Result = "ok"
	Skipped Result = "skipped" // could not be looked at
	Warning Result = "warning"
	Failed  Result = "FAILED"
)

// A Finding is what one check found of one part.
type Finding struct {
	Check  string `json:"check"` // one of Checks
	Who    string `json:"who"`
	Result Result `json:"result"`
	Text   string `json:"text"`
	Do     string `json:"do,omitempty"` // what helps
}

// Checks are in the order in which they are shown.
var Checks = []string{"issuer", "keys", "store", "log", "clock", "edge", "login", "revoke"}

// sorted is the findings by check, then by who.
func sorted(list []Finding) []Finding {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(slices.Index(Checks, a.Check)-slices.Index(Checks, b.Check), cmp.Compare(a.Who, b.Who))
	})
	return list
}
