package events

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// A delivery is what the server says about a message that it delivers.
type delivery struct {
	stream, consumer uint64 // its sequences
	time             time.Time
	pending          uint64 // how many messages of the stream are still to come
}

// deliveryOf reads the reply subject of a message. The prefix is that of the
// consumer's, up to the number of deliveries:
//
//	$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>
//
// A subject of another form is the client library's to read, which takes four
// times as long: that counts in the replay of a long log.
func deliveryOf(msg *nats.Msg, prefix string) (delivery, error) {
	if d, ok := plainDelivery(msg.Reply, prefix); ok {
		return d, nil
	}
	m, err := msg.Metadata()
	if err != nil {
		return delivery{}, fmt.Errorf("events: follow: %w: %w", ErrGap, err)
	}
	if !strings.HasSuffix(prefix, "."+m.Stream+"."+m.Consumer+".") {
		return delivery{}, fmt.Errorf("events: follow: %w: of consumer %s of %s", ErrGap, m.Consumer, m.Stream)
	}
	return delivery{stream: m.Sequence.Stream, consumer: m.Sequence.Consumer, time: m.Timestamp, pending: m.NumPending}, nil
}

func plainDelivery(reply, prefix string) (d delivery, ok bool) {
	var n [5]int64
	rest, ok := strings.CutPrefix(reply, prefix)
	for i := 0; ok && i < len(n); i++ {
		if i > 0 {
			rest, ok = strings.CutPrefix(rest, ".")
		}
		if ok {
			n[i], rest, ok = plainInt(rest)
		}
	}
	return delivery{stream: uint64(n[1]), consumer: uint64(n[2]), time: time.Unix(0, n[3]), pending: uint64(n[4])}, ok && rest == ""
}
