package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// startFleet starts an issuer per clock, that far off, and three edges, and
// waits until every issuer knows every edge. They log little: some tests make
// tens of thousands of calls.
func startFleet(t *testing.T, clocks ...time.Duration) *cluster {
	t.Helper()
	c := &cluster{setup: newSetup(t)}
	c.startServers(t)
	env := []string{"CURFEW_LOG_LEVEL=warn", "CURFEW_KEY_PUBLISH_DELAY=5s"}
	for n, off := range clocks {
		c.issuers = append(c.issuers, c.issuer(t, n, append(c.clock(t, off), env...)...))
		c.issuers[n].awaitReady(t)
	}
	for n := range 3 {
		c.edges = append(c.edges, c.edge(t, n, "CURFEW_LOG_LEVEL=warn"))
	}
	for n, e := range c.edges {
		e.awaitReady(t)
		for _, i := range c.issuers {
			(&ward{setup: c.setup, issuer: i}).reported(t, fmt.Sprint("edge-", n+1))
		}
	}
	return c
}

// clock is the environment of an issuer whose clock is off. From then on all
// issuers are of a build whose clock can be.
func (s *setup) clock(t *testing.T, off time.Duration) []string {
	t.Helper()
	if off == 0 {
		return nil
	}
	spec := proc.Spec{Path: s.bin.Issuer}
	testenv.BuildShifted(t).Apply(&spec, off)
	s.bin.Issuer = spec.Path
	return spec.Env
}

// A waited is a receipt with what has come of waiting.
type waited struct {
	RevocationID string  `json:"revocation_id"`
	Scope        string  `json:"scope"`
	ID           string  `json:"id"`
	Status       string  `json:"status"`
	Seq          uint64  `json:"seq"`
	ElapsedMS    float64 `json:"elapsed_ms"`
	Enforced     bool    `json:"enforced"`
	Edges        struct {
		Expected  int      `json:"expected"`
		Confirmed int      `json:"confirmed"`
		Missing   []string `json:"missing"`
	} `json:"edges"`
}

// revoke revokes as the admin; the query says what to wait for.
func (c *cluster) revoke(t *testing.T, at *service, query, body string) waited {
	t.Helper()
	w := decode[waited](t, c.do(t, call{url: at.url + "/admin/v1/revocations?" + query, bearer: c.admin, body: body}))
	if w.Status != "committed" {
		t.Errorf("%s is %s", body, w.Status)
	}
	t.Logf("%s, %s: %d of %d after %.1f ms", body, query, w.Edges.Confirmed, w.Edges.Expected, w.ElapsedMS)
	return w
}

// revokeConfirmed revokes, and every edge must say that it holds it.
func (c *cluster) revokeConfirmed(t *testing.T, at *service, body string) {
	t.Helper()
	w := c.revoke(t, at, "wait=confirmed&timeout="+confirmCeiling.String(), body)
	if w.Edges.Expected != len(c.edges) || w.Edges.Confirmed != len(c.edges) || len(w.Edges.Missing) != 0 {
		t.Errorf("%s: confirmed %+v, want all %d", body, w.Edges, len(c.edges))
	}
}

// logged counts the revocations in the log, by subject.
func (c *cluster) logged(t *testing.T) map[string]uint64 {
	t.Helper()
	nc, err := nats.Connect(c.nats.URL(), c.nats.Options()...)
	testenv.Must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	testenv.Must(t, err)
	stream, err := js.Stream(t.Context(), "CURFEW_local")
	testenv.Must(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("curfew.local.revoke.>"))
	testenv.Must(t, err)
	return info.State.Subjects
}

// mustHaveLogged checks that one message of the scope, and none of another, has
// come into the log.
func (c *cluster) mustHaveLogged(t *testing.T, before map[string]uint64, scope string) {
	t.Helper()
	want := maps.Clone(before)
	if want == nil {
		want = map[string]uint64{}
	}
	want["curfew.local.revoke."+scope]++
	if after := c.logged(t); !maps.Equal(after, want) {
		t.Errorf("the log had %v and has %v, want one more of %s", before, after, scope)
	}
}

// answers shows the service a token, once.
func (s *service) answers(access string, status int, text string) error {
	a, err := send(call{url: s.url + "/v1/whoami", bearer: access})
	if err == nil && (a.status != status || !strings.Contains(string(a.body), text)) {
		err = fmt.Errorf("%s: %d %s, want %d %s", s.Name(), a.status, a.body, status, text)
	}
	return err
}

// readGrant is granted for many goroutines.
func readGrant(a answer) (g grant, err error) {
	if err = json.Unmarshal(a.body, &g); err == nil && (a.status != 200 || g.AccessToken == "") {
		err = fmt.Errorf("not a grant: %d %.200s", a.status, a.body)
	}
	return g, err
}
