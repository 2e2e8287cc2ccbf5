//go:build unix

package chaos

import "testing"

// TestShort lets every single fault happen once, for a few seconds, to one
// cluster, and judges what all clients saw from the start to the end.
func TestShort(t *testing.T) {
	r := newRun(t, 2*staleness)
	r.flood = 20_000
	r.these(t, single())
	r.finish(t, "")
}
