package events_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// "Somebody else may write to the log's subjects: what is no revocation is ignored and
// counted"; "Garbage on the log's subjects stops nothing". One message without data whose
// header says Status is taken for a word of the server about a pull, on any subject of the
// log, also the stand-ins'. The server itself writes such ones where an asker's reply
// subject says: 404 No Messages, 408, 409.
func TestStatusInTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		subject string
		put     func(nc *nats.Conn, subject string) error
	}{
		"a heartbeat on the stand-ins' subject": {"curfew.test.beat.edge", func(nc *nats.Conn, subject string) error {
			return nc.PublishMsg(&nats.Msg{Subject: subject, Header: nats.Header{"Status": {"100"}}})
		}},
		"an end of a pull": {"curfew.test.beat.edge", func(nc *nats.Conn, subject string) error {
			return nc.PublishMsg(&nats.Msg{Subject: subject, Header: nats.Header{"Status": {"409"}}})
		}},
		"a word of the server itself": {"curfew.test.revoke.user", func(nc *nats.Conn, subject string) error {
			_, err := nc.Request("$JS.API.CONSUMER.CREATE.CURFEW_test.evil", []byte(`{"stream_name":"CURFEW_test","config":{"name":"evil",`+
				`"deliver_policy":"new","ack_policy":"none","mem_storage":true,"num_replicas":1,"inactive_threshold":60000000000}}`), time.Second)
			if err != nil {
				return err
			}
			return nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.CURFEW_test.evil", subject, []byte(`{"batch":1,"no_wait":true}`))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			nc, log := newLog(t)
			testenv.Must(t, log.Ensure(t.Context()))
			beat := events.Record{Kind: events.KindBeat, Data: []byte(`{}`), TTL: time.Minute}
			_, err := log.Append(t.Context(), beat)
			testenv.Must(t, err)
			testenv.Must(t, c.put(nc, c.subject))
			testenv.Must(t, nc.Flush())
			last, err := log.Append(t.Context(), beat)
			testenv.Must(t, err)
			r := read(t.Context(), log)
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			pos, err := r.Wait(ctx, "", last)
			if err != nil {
				t.Errorf("read up to %d of %d in 8 s, after %d interruptions: %v", pos.Seq, last, r.Interruptions(), err)
			}
		})
	}
}
