package nats_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// request returns the answer to a question, or nothing.
func request(nc *natsgo.Conn, subject, data string) string {
	msg, err := nc.Request(subject, []byte(data), 300*time.Millisecond)
	if err != nil {
		return ""
	}
	return string(msg.Data)
}

func (w *world) flush() {
	w.t.Helper()
	opts, err := redis.ParseURL(w.store.URL())
	testenv.Must(w.t, err)
	rdb := redis.NewClient(opts)
	defer rdb.Close()
	testenv.Must(w.t, rdb.FlushAll(w.t.Context()).Err())
}

// messages is how many a stream holds on subjects that match.
func (w *world) messages(operator *natsgo.Conn, stream, subjects string) (held uint64) {
	w.t.Helper()
	var info struct {
		State struct{ Subjects map[string]uint64 }
	}
	testenv.Eventually(w.t, patience, func() error {
		return json.Unmarshal([]byte(request(operator, "JS.API.STREAM.INFO."+stream, `{"subjects_filter":"`+subjects+`"}`)), &info)
	})
	for _, n := range info.State.Subjects {
		held += n
	}
	return held
}

func (w *world) revocations(operator *natsgo.Conn) uint64 {
	return w.messages(operator, "CURFEW_local", "curfew.local.revoke.>")
}

var (
	// targets are subjects on which nobody but an issuer may have anything stored,
	// or done.
	targets = []string{
		"curfew.local.revoke.user", "curfew.local.revoke.session", "curfew.local.beat", "curfew.local.session.login",
		"$JS.API.STREAM.PURGE.CURFEW_local", "$JS.API.STREAM.DELETE.CURFEW_local", "$JS.API.STREAM.UPDATE.CURFEW_local",
		"$JS.API.STREAM.CREATE.CURFEW_local", "$JS.API.STREAM.MSG.DELETE.CURFEW_local", "$JS.API.STREAM.PURGE.CURFEW_AUDIT_local",
		"$JS.API.STREAM.DELETE.CURFEW_AUDIT_local", "$JS.API.STREAM.CREATE.EVIL", "$JS.API.STREAM.LEADER.STEPDOWN.CURFEW_local",
		"$JS.API.CONSUMER.CREATE.CURFEW_AUDIT_local.evil", "$JS.API.STREAM.INFO.CURFEW_AUDIT_local", "$JS.API.STREAM.MSG.GET.CURFEW_AUDIT_local",
		"$SYS.REQ.SERVER.PING",
	}
	// asked are subjects that edges may ask on.
	asked = []string{
		"curfew.local.sync", "curfew.local.sync.all", "curfew.local.sync.edge", "curfew.local.standin", "curfew.local.beat.edge", "curfew.local.edge.edge-9",
		"JS.API.STREAM.INFO.CURFEW_local", "JS.API.STREAM.MSG.GET.CURFEW_local", "JS.API.CONSUMER.CREATE.CURFEW_local.evil",
		"JS.API.CONSUMER.DELETE.CURFEW_local.evil", "JS.API.CONSUMER.MSG.NEXT.CURFEW_local.evil",
	}
	payloads = []string{
		"", "garbage", `{"nonce":"n"}`, `{"seq":1}`, `{"name":"EVIL","subjects":["evil.>"],"storage":"memory"}`,
		`{"id":"x","scope":"user","iss":"i","tenant":"default","sub":"u-alice","stamp":9999999999999,"ttl_ms":3600000}`,
	}
)

// An attacker with the password of an edge or of a peer writes nothing where issuers
// write, stops no decision, removes nothing and hears nothing of the trail. A message
// without data in the log would end every reading of it.
func TestStolenCredentials(t *testing.T) {
	for _, user := range []string{"edge", "peer"} {
		t.Run(user, func(t *testing.T) {
			w := newWorld(t)
			operator, attacker := w.dial("admin"), w.dial(user)
			revoked := w.login()
			w.call(http.MethodPost, w.issuer+"/v1/logout", revoked, "")
			good := w.login()
			w.decides(w.edge, revoked, http.StatusUnauthorized)
			w.decides(w.edge, good, http.StatusOK)
			var trail uint64
			testenv.Eventually(t, patience, func() error {
				if trail = w.messages(operator, "CURFEW_AUDIT_local", ">"); trail != 3 {
					return fmt.Errorf("%d in the trail", trail)
				}
				return nil
			})
			before := w.revocations(operator)
			heard := listen(t, attacker)

			for _, to := range targets {
				if api, ok := strings.CutPrefix(to, "$"); ok { // under the name that it would have here
					targets = append(targets, api)
				}
			}
			for _, to := range append(targets, "curfew.local.report", "curfew.local.offer", "curfew.local.report.edge-1") {
				for _, data := range payloads {
					testenv.Must(t, attacker.Publish(to, []byte(data)))
				}
			}
			for _, ask := range asked {
				for _, reply := range append(targets, "curfew.local.report", "curfew.local.offer.all", "_INBOX.x", "_R_.x") {
					for _, data := range payloads {
						testenv.Must(t, attacker.PublishRequest(ask, reply, []byte(data)))
					}
				}
			}
			for n, to := range append(targets, asked...) {
				name := fmt.Sprint("evil-", n)
				request(attacker, "JS.API.CONSUMER.CREATE.CURFEW_local."+name, `{"stream_name":"CURFEW_local","config":{"name":"`+name+
					`","deliver_policy":"all","ack_policy":"none","deliver_subject":"`+to+`","mem_storage":true,"num_replicas":1,"inactive_threshold":60000000000}}`)
			}
			testenv.Must(t, attacker.Flush())

			// An admin's search and a login go by where the attacker listens.
			w.call(http.MethodGet, w.issuer+"/admin/v1/audit", admin, "")
			again := w.login()
			w.decides(w.edge, again, http.StatusOK)
			w.decides(w.edge, good, http.StatusOK)
			w.decides(w.edge, revoked, http.StatusUnauthorized)
			if now := w.revocations(operator); now != before {
				t.Errorf("%d messages on the subjects of revocations, were %d", now, before)
			}
			if now := w.messages(operator, "CURFEW_local", "curfew.local.beat"); now == 0 {
				t.Error("no beats: the log is gone")
			}
			testenv.Eventually(t, patience, func() error {
				if now := w.messages(operator, "CURFEW_AUDIT_local", ">"); now != trail+1 {
					return fmt.Errorf("%d messages in the trail, were %d and a login", now, trail)
				}
				return nil
			})
			status, body := w.call(http.MethodGet, w.edge+"/statusz", "", "")
			if status != http.StatusOK || body["doubt"] == true {
				t.Errorf("the edge: %d %v", status, body)
			}
			w.stopIssuer()
			w.startIssuer()
			w.decides(w.startEdge("late"), w.login(), http.StatusOK)
			for _, text := range heard() {
				if strings.Contains(text, `"kind"`) || strings.HasPrefix(text, "curfew.local.sync") {
					t.Errorf("heard: %s", text)
				}
			}
		})
	}
}

// listen subscribes to all that an attacker may try to hear, and returns what came.
func listen(t *testing.T, nc *natsgo.Conn) func() []string {
	t.Helper()
	var mu sync.Mutex
	var all []string
	for _, subject := range []string{">", "_INBOX.>", "_R_.>", "curfew.>", "curfew.local.session.>", "$JS.>", "$SYS.>", "curfew.local.sync"} {
		_, err := nc.Subscribe(subject, func(m *natsgo.Msg) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, m.Subject+" "+string(m.Data))
		})
		testenv.Must(t, err)
	}
	testenv.Must(t, nc.Flush())
	return func() []string {
		testenv.Must(t, nc.Flush())
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// Whoever may write where edges do writes no more than the stream takes, whatever it is,
// and stops no reading: not with messages that have neither data nor header, and not by
// a consumer that delivers the log to where it is written.
func TestFloodThroughTheStandIns(t *testing.T) {
	w := newWorld(t)
	operator, attacker := w.dial("admin"), w.dial("edge")
	good := w.login()
	w.decides(w.edge, good, http.StatusOK)
	request(attacker, "JS.API.CONSUMER.CREATE.CURFEW_local.loop", `{"stream_name":"CURFEW_local","config":{"name":"loop",
		"deliver_policy":"all","ack_policy":"none","deliver_subject":"curfew.local.standin","mem_storage":true,"num_replicas":1}}`)
	began := time.Now()
	written := func() uint64 { return w.messages(operator, "CURFEW_local", "curfew.local.beat.edge") }
	for n := 0; n%300 > 0 || written() < 400; n++ {
		m := natsgo.NewMsg("curfew.local.standin")
		switch n % 3 {
		case 1:
			m.Header.Set("Nats-TTL", "never")
		case 2:
			m.Header.Set("Curfew-Format", "1")
			m.Data = fmt.Appendf(nil, `{"by":"issuer","id":"x","nonce":"%d","stamp":9999999999999}`, n)
		}
		testenv.Must(t, attacker.PublishMsg(m))
		if n%300 == 0 {
			testenv.Must(t, attacker.Flush())
		}
	}
	ended := w.login()
	status, body := w.call(http.MethodPost, w.issuer+"/v1/logout?wait=confirmed&timeout=60s", ended, "")
	if edges, ok := body["edges"].(map[string]any); status != http.StatusOK || !ok || edges["confirmed"] != 1.0 {
		t.Errorf("logout: %d %v", status, body)
	}
	if status, body := w.call(http.MethodGet, w.edge+"/v1/whoami", ended, ""); status != http.StatusUnauthorized {
		t.Errorf("after that: %d %v", status, body)
	}
	w.decides(w.edge, good, http.StatusOK)
	if status, body := w.call(http.MethodGet, w.edge+"/statusz", "", ""); status != http.StatusOK || body["state"] != "fresh" {
		t.Errorf("the edge: %d %v", status, body)
	}
	if n, most := written(), uint64(128*(2+time.Since(began)/time.Second)); n > most {
		t.Errorf("%d messages are in the log, want %d at most", n, most)
	}
	request(attacker, "JS.API.CONSUMER.DELETE.CURFEW_local.loop", "")
	w.stopIssuer()
	w.startIssuer()
	w.decides(w.startEdge("late"), w.login(), http.StatusOK)
}
