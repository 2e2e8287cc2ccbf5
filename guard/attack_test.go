package guard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// An asker names the subject of the answer. No node writes on one that is not an
// inbox; what the server itself writes on the log's subjects is garbage, and stops
// no decision.
func TestRepliesOnTheSubjectsOfTheLog(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(withoutStore)
	testenv.Eventually(t, ceiling, n.Ready)
	good, bad := m.token("s-1", "", time.Hour), m.token("s-2", "", time.Hour)
	n.eventually(t, good, nil)
	attacker, err := nats.Connect(m.nats.URL())
	testenv.Must(t, err)
	t.Cleanup(attacker.Close)

	question := []byte(`{"nonce":"n","seq":0,"from":"x","entries":[{"scope":"session","iss":"i","sub":"s"}]}`)
	for _, reply := range []string{"curfew.local.revoke.user", "curfew.local.revoke.session", "curfew.local.beat", "curfew.local.beat.edge"} {
		for _, subject := range []string{
			"curfew.local.sync", "curfew.local.sync.all", "curfew.local.report", "curfew.local.report.edge",
			"curfew.local.offer", "curfew.local.offer.all",
		} {
			for _, data := range [][]byte{question, []byte(`{"high":18446744073709551615,"size":100000}`), nil} {
				testenv.Must(t, attacker.PublishRequest(subject, reply, data))
			}
		}
	}
	testenv.Must(t, attacker.Flush())
	ask(t, attacker, "curfew.local.sync", `{"nonce":"n"}`)
	ask(t, attacker, "curfew.local.offer", `{"high":18446744073709551615,"size":100000}`)
	if held := m.onRevocations(t, attacker); held != 0 {
		t.Errorf("%d messages were written by those who were asked", held)
	}

	for _, subject := range []string{"$JS.API.STREAM.INFO.CURFEW_local", "$JS.API.INFO", "$JS.API.STREAM.NAMES", "curfew.local.beat"} {
		testenv.Must(t, attacker.PublishRequest(subject, "curfew.local.revoke.user", nil))
	}
	testenv.Must(t, attacker.Publish("curfew.local.revoke.user", []byte("garbage")))
	testenv.Must(t, attacker.Publish("curfew.local.revoke.user", nil))
	testenv.Eventually(t, ceiling, func() error {
		if held, ignored := m.onRevocations(t, attacker), n.count(t, "curfew_garbage_total"); held != 6 || ignored < 6 {
			return fmt.Errorf("%d messages are there, %v ignored", held, ignored)
		}
		return nil
	})
	n.want(t, good, nil)
	if n.Status().Doubt {
		t.Error("the node is in doubt")
	}
	m.commit(events.ScopeSession, "s-2")
	n.eventually(t, bad, guard.ErrRevoked)
	late := m.node(withoutStore)
	testenv.Eventually(t, ceiling, late.Ready)
	late.eventually(t, good, nil)
	late.want(t, bad, guard.ErrRevoked)
}

func ask(t *testing.T, nc *nats.Conn, subject, data string) {
	t.Helper()
	testenv.Eventually(t, ceiling, func() error {
		msg, err := nc.Request(subject, []byte(data), time.Second)
		if err == nil && !json.Valid(msg.Data) {
			err = errors.New(string(msg.Data))
		}
		return err
	})
}

// onRevocations is how many messages the log holds on the subjects of revocations.
func (m *mesh) onRevocations(t *testing.T, nc *nats.Conn) (held uint64) {
	t.Helper()
	js, err := jetstream.New(nc)
	testenv.Must(t, err)
	stream, err := js.Stream(t.Context(), "CURFEW_local")
	testenv.Must(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("curfew.local.revoke.>"))
	testenv.Must(t, err)
	for _, n := range info.State.Subjects {
		held += n
	}
	return held
}
