package issuer_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A block is what stands between two empty lines of an event stream.
type block struct {
	id, event, data string
	comment         bool
	event1          session.Event // of data
}

// A listener reads an event stream.
type listener struct {
	header http.Header
	blocks chan block // closed at the end of the stream
	first  block
	hangUp context.CancelFunc
}

// listen opens a stream and reads up to where it begins.
func (b *bench) listen(t *testing.T, bearer, query string, header ...string) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/admin/v1/events"+query, http.NoBody)
	testenv.Must(t, err)
	req.Header.Set("Authorization", "Bearer "+bearer)
	if len(header) > 0 {
		req.Header.Set("Last-Event-ID", header[0])
	}
	res, err := http.DefaultClient.Do(req)
	testenv.Must(t, err)
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	l := &listener{header: res.Header, blocks: make(chan block, 1000), hangUp: cancel}
	go func() { defer res.Body.Close(); l.read(res.Body) }()
	l.first = l.next(t)
	return l
}

func (l *listener) read(body io.Reader) {
	defer close(l.blocks)
	var b block
	for lines := bufio.NewScanner(body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			_ = json.Unmarshal([]byte(b.data), &b.event1)
			l.blocks <- b
			b = block{}
		case name == "":
			b.comment = true
		case name == "id":
			b.id = value
		case name == "event":
			b.event = value
		case name == "data":
			b.data = value
		}
	}
}

// next is the next block that is no heartbeat.
func (l *listener) next(t *testing.T) block {
	t.Helper()
	for timeout := time.After(patience); ; {
		select {
		case b, open := <-l.blocks:
			if !open {
				t.Fatal("the stream has ended")
			}
			if !b.comment {
				return b
			}
		case <-timeout:
			t.Fatal("nothing comes")
		}
	}
}

// ended waits for the end of the stream.
func (l *listener) ended(t *testing.T) {
	t.Helper()
	for timeout := time.After(patience); ; {
		select {
		case _, open := <-l.blocks:
			if !open {
				return
			}
		case <-timeout:
			t.Fatal("the stream does not end")
		}
	}
}

func TestEventsAreFollowed(t *testing.T) {
	b := start(t, withAdmins)
	b.login(t, "bob", "")
	b.awaitEvent(t, func(e session.Event) bool { return e.Kind == session.EventLogin })
	l := b.listen(t, reader, "")
	if l.header.Get("Content-Type") != "text/event-stream" || l.header.Get("Cache-Control") != "no-store" || l.first.id == "" || l.first.event != "" {
		t.Errorf("begins with %+v, %v", l.first, l.header)
	}
	g := b.login(t, "alice", "")
	call{method: "POST", url: b.url + "/v1/logout", bearer: g.AccessToken}.do(t).want(t, "logout", 200, "")
	login, logout := l.next(t), l.next(t)
	for kind, got := range map[string]block{"login": login, "logout": logout} {
		e := got.event1
		if got.event != kind || got.id == "" || e.Kind != kind || e.UserID != "u-alice" || e.SessionID != g.SessionID || e.ID == "" || e.At.IsZero() {
			t.Errorf("%s: got %+v", kind, got)
		}
		for _, secret := range []string{g.AccessToken, g.RefreshToken, password} {
			if strings.Contains(got.data, secret) {
				t.Errorf("%s has a secret", kind)
			}
		}
	}
	for _, again := range []*listener{
		b.listen(t, reader, "", login.id), b.listen(t, reader, "?after="+login.id),
		b.listen(t, reader, "?after="+logout.id, login.id), // a browser that reconnects
		b.listen(t, reader, "?kind=logout&kind=admin&user=u-alice&tenant=default&session="+g.SessionID+"&after="+l.first.id),
	} {
		if got := again.next(t); got.id != logout.id || got.data != logout.data {
			t.Errorf("got %+v, want %+v", got, logout)
		}
	}
	head := call{method: "HEAD", url: b.url + "/admin/v1/events", bearer: reader}.do(t)
	if head.want(t, "HEAD", 200, ""); head.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %v", head.header)
	}
}

func TestTrailBadCalls(t *testing.T) {
	b := start(t, withAdmins)
	const events, search = "/admin/v1/events", "/admin/v1/audit"
	for _, c := range []struct {
		bearer, path string
		status       int
		code         string
	}{
		{"", events, 401, "unauthorized"},
		{"", search, 401, "unauthorized"},
		{ender, events, 403, "forbidden"},
		{ender, search, 403, "forbidden"},
		{tenantAdmin, events + "?tenant=default", 403, "forbidden"},
		{tenantAdmin, search + "?tenant=default", 403, "forbidden"},
		{reader, events + "?kind=logins", 400, "bad_request"},
		{reader, events + "?usr=alice", 400, "bad_request"},
		{reader, events + "?user=", 400, "bad_request"},
		{reader, events + "?user=a&user=b", 400, "bad_request"},
		{reader, events + "?user=" + strings.Repeat("a", 513), 400, "bad_request"},
		{reader, events + "?user=%ff", 400, "bad_request"},
		{reader, events + "?user=%f", 400, "bad_request"},
		{reader, events + "?after=17", 400, "bad_request"},
		{reader, events + "?limit=5", 400, "bad_request"},
		{reader, search + "?kind=", 400, "bad_request"},
		{reader, search + "?after=1-1", 400, "bad_request"},
		{reader, search + "?cursor=x", 400, "bad_request"},
		{reader, search + "?cursor=1s8x-5", 400, "bad_request"}, // of a stream long ago
		{reader, search + "?from=yesterday", 400, "bad_request"},
		{reader, search + "?from=2026-05-01T12:00:00Z&to=2026-05-01T12:00:00Z", 400, "bad_request"},
		{reader, search + "?to=0001-01-01T00:00:00Z", 400, "bad_request"},
		{reader, search + "?limit=0", 400, "bad_request"},
		{reader, search + "?limit=1001", 400, "bad_request"},
		{reader, search + "?limit=ten", 400, "bad_request"},
	} {
		call{url: b.url + c.path, bearer: c.bearer}.do(t).want(t, c.path, c.status, c.code)
	}
	call{url: b.url + events, bearer: reader, header: http.Header{"Last-Event-Id": {"17"}}}.do(t).want(t, "Last-Event-ID", 400, "bad_request")
}

// A tenant's admin sees what belongs to the tenant, and not what belongs to
// nobody.
func TestTrailOfOneTenant(t *testing.T) {
	b := start(t, withAdmins)
	l := b.listen(t, tenantAdmin, "")
	b.as(t, call{url: "/admin/v1/keys/rotate", bearer: b.admin, method: http.MethodPost}, 200, "")
	b.login(t, "alice", "")
	b.as(t, call{url: "/admin/v1/keys/rotate", bearer: tenantAdmin, method: http.MethodPost}, 403, "forbidden")
	carol := b.login(t, "carol", "acme")
	b.as(t, call{url: "/admin/v1/revocations", bearer: b.admin, body: `{"scope":"session","id":"` + carol.SessionID + `"}`}, 200, "")
	want := []string{"admin refused acme-ops", "login  u-carol", "admin revoke admin"}
	for _, text := range want {
		e := l.next(t).event1
		if got := fmt.Sprintf("%s %s %s", e.Kind, e.Action, e.Actor); got != text || e.Tenant != "acme" {
			t.Errorf("followed %q of %q, want %q", got, e.Tenant, text)
		}
	}
	var page struct{ Events []session.Event }
	testenv.Must(t, json.Unmarshal([]byte(call{url: b.url + "/admin/v1/audit", bearer: tenantAdmin}.do(t).body), &page))
	if len(page.Events) != len(want) || page.Events[0].SessionID != carol.SessionID || page.Events[0].UserID != "u-carol" {
		t.Errorf("found %+v", page.Events)
	}
}

// Whoever may no longer read reads no longer.
func TestEventsEndWithTheRight(t *testing.T) {
	b := startTuned(t, withAdmins, func(i *issuer.Issuer) { i.TuneStreams(20*time.Millisecond, time.Minute) })
	g := b.login(t, "alice", "")
	l, other := b.listen(t, g.AccessToken, ""), b.listen(t, reader, "")
	call{method: "POST", url: b.url + "/v1/logout", bearer: g.AccessToken}.do(t).want(t, "logout", 200, "")
	l.ended(t)
	b.login(t, "alice", "")
	for other.next(t).event != "login" { // still open
	}
}

func TestEventStreamsAreBounded(t *testing.T) {
	b := startTuned(t, func(cfg *config.Issuer) { withAdmins(cfg); cfg.EventStreams = 2 },
		func(i *issuer.Issuer) { i.TuneStreams(20*time.Millisecond, time.Minute) })
	full := func(bearer string) {
		t.Helper()
		a := call{url: b.url + "/admin/v1/events", bearer: bearer}.do(t)
		if a.want(t, "one too many", 503, "unavailable"); a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	first := b.listen(t, tenantAdmin, "")
	full(tenantAdmin) // the other half is for those who look after all
	b.listen(t, reader, "")
	full(reader)
	first.hangUp()
	testenv.Eventually(t, patience, func() error {
		if open := b.metric(t, "curfew_event_streams"); open != "1" {
			return fmt.Errorf("%s open", open)
		}
		return nil
	})
	b.listen(t, tenantAdmin, "")
}

// metric reads a metric without labels.
func (b *bench) metric(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(call{url: b.url + "/metrics"}.do(t).body) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// A stream ends with the issuer, which does not have to cut it: Run would
// return an error, and stop report it.
func TestEventsDoNotHoldUpTheEnd(t *testing.T) {
	b := start(t, withAdmins)
	l := b.listen(t, reader, "")
	b.stop()
	l.ended(t)
}

func TestEventsHaveHeartbeats(t *testing.T) {
	b := startTuned(t, withAdmins, func(i *issuer.Issuer) { i.TuneStreams(20*time.Millisecond, time.Minute) })
	l := b.listen(t, reader, "?kind=logout")
	b.login(t, "alice", "")
	testenv.Eventually(t, patience, func() error { // the login moves the place on, though nobody asked for it
		beat := <-l.blocks
		if !beat.comment || beat.event != "" || beat.data != "" {
			t.Fatalf("got %+v", beat)
		}
		if beat.id == "" {
			return fmt.Errorf("got %+v", beat)
		}
		return nil
	})
}

// A reader that does not read is cut off, and others do not wait for it.
func TestEventsSlowReader(t *testing.T) {
	b := startTuned(t, withAdmins, func(i *issuer.Issuer) { i.TuneStreams(time.Minute, 3*time.Second) }) // the quick one, too, may have to wait for a processor
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	testenv.Must(t, err)
	defer conn.Close()
	testenv.Must(t, conn.SetDeadline(time.Now().Add(patience)))
	testenv.Must(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprintf(conn, "GET /admin/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", reader)
	testenv.Must(t, err)
	_, err = conn.Read(make([]byte, 1))
	testenv.Must(t, err)

	nc, err := nats.Connect(b.nats.URL())
	testenv.Must(t, err)
	defer nc.Close()
	const events = 2000
	quick := b.listen(t, reader, "")
	padding := strings.Repeat("x", 10_000) // 20 MB: more than the kernel holds back
	for n := range events {
		testenv.Must(t, nc.Publish("curfew.local.session.refresh", fmt.Appendf(nil, `{"kind":"refresh","id":"%d","reason":"%s"}`, n, padding)))
	}
	for n := range events {
		if got := quick.next(t).event1.ID; got != fmt.Sprint(n) {
			t.Fatalf("got event %s, want %d", got, n)
		}
	}
	testenv.Eventually(t, patience, func() error {
		if open := b.metric(t, "curfew_event_streams"); open != "1" {
			return fmt.Errorf("%s open", open)
		}
		return nil
	})
}

// A stream outlives the trail's being away, and says what may be missing.
func TestEventsGoOnAfterNATSWasAway(t *testing.T) {
	b := startTuned(t, withAdmins, func(i *issuer.Issuer) { i.TuneStreams(20*time.Millisecond, time.Minute) })
	l := b.listen(t, reader, "?user=u-alice")
	b.nats.Stop()
	b.nats.Restart()
	b.login(t, "alice", "")
	if got := l.next(t); got.id == "" || got.event != "" { // where the stream goes on
		t.Errorf("got %+v", got)
	}
	for l.next(t).event != "login" {
	}
	b.nats.WipeAndRestart()
	b.login(t, "alice", "")
	got := l.next(t)
	for got.event == "" {
		got = l.next(t)
	}
	if got.event != "gap" || got.data != `{"reason":"recreated"}` {
		t.Errorf("got %+v", got)
	}
	for l.next(t).event != "login" {
	}
}

func TestTrailIsSearched(t *testing.T) {
	b := start(t, withAdmins)
	var sids []string
	for range 3 {
		sids = append(sids, b.login(t, "alice", "").SessionID)
	}
	b.awaitEvent(t, func(e session.Event) bool { return e.SessionID == sids[2] })
	type page struct {
		Events []struct {
			Position   string
			RecordedAt time.Time `json:"recorded_at"`
			SessionID  string    `json:"session_id"`
		}
		Next, End string
	}
	search := func(query string) (p page) {
		t.Helper()
		a := call{url: b.url + "/admin/v1/audit" + query, bearer: reader}.do(t)
		a.want(t, query, 200, "")
		testenv.Must(t, json.Unmarshal([]byte(a.body), &p))
		return p
	}
	first := search("?kind=login&user=u-alice&limit=2")
	if len(first.Events) != 2 || first.Events[0].SessionID != sids[2] || first.Events[1].SessionID != sids[1] || first.Next == "" || first.Events[0].RecordedAt.IsZero() {
		t.Errorf("got %+v", first)
	}
	second := search("?kind=login&user=u-alice&limit=2&cursor=" + first.Next)
	if len(second.Events) != 1 || second.Events[0].SessionID != sids[0] || second.Next != "" {
		t.Errorf("got %+v", second)
	}
	if none := search("?user=nobody"); none.Events == nil || len(none.Events) != 0 || none.Next != "" {
		t.Errorf("got %+v", none)
	}
	g := b.login(t, "bob", "")
	if got := b.listen(t, reader, "?after="+first.End).next(t); got.event1.SessionID != g.SessionID {
		t.Errorf("got %+v", got)
	}
}
