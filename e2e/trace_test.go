package e2e_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// A receiver is an OpenTelemetry collector that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []span
	all   strings.Builder // every span, as text
}

type span struct{ trace, id, parent, service, name string }

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = secureServer(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		var req collector.ExportTraceServiceRequest
		if err := errors.Join(err, proto.Unmarshal(body, &req)); err != nil {
			t.Errorf("%s: %v", q.URL, err)
		}
		r.take(&req)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	return r
}

func (r *receiver) take(req *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.WriteString(req.String())
	for _, of := range req.ResourceSpans {
		service := ""
		for _, a := range of.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, span{hex.EncodeToString(s.TraceId), hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId), service, s.Name})
			}
		}
	}
}

// find returns the span of a trace by its name.
func (r *receiver) find(trace, service, name string) (span, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.trace == trace && s.service == service && s.name == name {
			return s, nil
		}
	}
	return span{}, fmt.Errorf("no span %q of %s in trace %s among %+v", name, service, trace, r.spans)
}

// TestTrace: one revocation is one trace, from the request through Redis and
// NATS to the edge where it takes effect, below the caller's span, and what it
// says holds no secret. An edge without tracing beside it reads the same log.
func TestTrace(t *testing.T) {
	r := newReceiver(t)
	c := &cluster{setup: newSetup(t)}
	c.startServers(t)
	tracing := []string{"CURFEW_OTLP_ENDPOINT=" + r.URL, "OTEL_EXPORTER_OTLP_CERTIFICATE=" + authority()}
	c.issuers = []*service{c.issuer(t, 0, tracing...)}
	c.edges = []*service{c.edge(t, 0, tracing...), c.edge(t, 1)}
	for _, s := range c.services() {
		s.awaitReady(t)
	}
	g := c.login(t, c.issuers[0], "alice")
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	a := c.do(t, call{
		url: c.issuers[0].url + "/admin/v1/revocations", bearer: c.admin, body: toJSON(map[string]string{"scope": "session", "id": g.SessionID}),
		header: http.Header{"Traceparent": {"00-" + id + "-00f067aa0ba902b7-01"}},
	})
	mustCommit(t, a, "session", g.SessionID)
	c.mustRefuse(t, g)

	for _, step := range []struct{ service, name, below string }{
		{"curfew-issuer", "POST /admin/v1/revocations", ""},
		{"curfew-issuer", "redis evalsha", "POST /admin/v1/revocations"},
		{"curfew-issuer", "publish curfew.local.revoke.session", "POST /admin/v1/revocations"},
		{"curfew-edge", "apply revocation", "publish curfew.local.revoke.session"},
	} {
		testenv.Eventually(t, patience, func() error {
			s, err := r.find(id, step.service, step.name)
			if err != nil {
				return err
			}
			parent := span{id: "00f067aa0ba902b7"}
			if step.below != "" {
				parent, err = r.find(id, "curfew-issuer", step.below)
			}
			if err == nil && s.parent != parent.id {
				err = fmt.Errorf("%s is not below %q", step.name, step.below)
			}
			return err
		})
	}
	r.mustBeDiscreet(t, c, g)
}

// mustBeDiscreet: spans hold no secret and nobody's name, and only requests and
// what they cause have any.
func (r *receiver) mustBeDiscreet(t *testing.T, c *cluster, g grant) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range c.secrets.in(r.all.String()) {
		t.Errorf("a span holds %s", name)
	}
	for _, s := range []string{"alice", g.SessionID, "db.statement"} {
		if strings.Contains(r.all.String(), s) {
			t.Errorf("a span holds %q", s)
		}
	}
	for _, s := range r.spans {
		if s.parent == "" && !strings.Contains(s.name, " /v1/") && !strings.Contains(s.name, " /.well-known/") {
			t.Errorf("%s of %s belongs to no client's request", s.name, s.service)
		}
	}
}
