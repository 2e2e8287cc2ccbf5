//go:build unix

package chaos

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// agedTTL is how long the beats of ageLog live, and agedEvery how often it appends
// one.
const (
	agedTTL   = time.Second
	agedEvery = 300 * time.Millisecond
)

// ageLog appends beats that soon expire until the test ends, so that some expire
// all the time, as in a log that is older than its entries live. A nats-server
// sets a timer for what expires next, and does not see a leap of its clock before.
func (r *run) ageLog(t testing.TB) {
	ctx, stop := context.WithCancel(context.Background())
	aging := make(chan struct{})
	go func() {
		defer close(aging)
		for pause(ctx, agedEvery) {
			_ = r.onLog(func(log events.Log) error {
				for pause(ctx, agedEvery) {
					if err := appendBeat(ctx, log); err != nil {
						return err // the log is broken: begin anew
					}
				}
				return nil
			})
		}
	}()
	t.Cleanup(func() {
		stop()
		<-aging
	})
}

func appendBeat(ctx context.Context, log events.Log) error {
	data, err := json.Marshal(events.Beat{ID: "chaos", Nonce: rand.Text()})
	if err != nil {
		return err
	}
	_, err = log.Append(ctx, events.Record{Kind: events.KindBeat, Data: data, TTL: agedTTL})
	return err
}
