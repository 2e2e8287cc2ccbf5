package events

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// Whatever else comes to our inbox is not the log.
func TestDeliveriesOfOthers(t *testing.T) {
	const prefix = "$JS.ACK.CURFEW_test.mine."
	for reply, want := range map[string]bool{
		"$JS.ACK.CURFEW_test.mine.1.7.3.1700000000000000000.2":               true,
		"$JS.ACK.CURFEW_test.other.1.7.3.1700000000000000000.2":              false,
		"$JS.ACK._.hash.CURFEW_test.mine.1.7.3.1700000000000000000.2.token":  true, // of a newer server
		"$JS.ACK._.hash.CURFEW_test.other.1.7.3.1700000000000000000.2.token": false,
		"$JS.ACK._.hash.OTHER.mine.1.7.3.1700000000000000000.2.token":        false,
		"": false,
	} {
		d, err := deliveryOf(&nats.Msg{Reply: reply, Sub: &nats.Subscription{}}, prefix)
		if got := err == nil; got != want || want && (d.stream != 7 || d.consumer != 3 || d.pending != 2) {
			t.Errorf("%s: %+v, %v", reply, d, err)
		}
	}
}
