package edge

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
)

// serveEnvoy serves the gRPC door and returns a client of it.
func serveEnvoy(t *testing.T) authv3.AuthorizationClient {
	t.Helper()
	ceiling.Of(t, hangs)
	origins := front.ParseOrigins("https://good.example")
	names := newNaming("X-Curfew-")
	app := front.NewApp(front.AppConfig{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Origins: origins})
	(&doors{check: checkPeople, names: names, origins: origins}).register(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- newExtAuthz(app, names).serve(ctx, ln, front.Shield{}, 0) }()
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return authv3.NewAuthorizationClient(conn)
}

func question(method string, headers map[string]string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{Method: method, Path: "/../livez?x", Host: "api.example", Headers: headers},
	}}}
}

func headerOf(options []*corev3.HeaderValueOption) http.Header {
	h := http.Header{}
	for _, o := range options {
		if o.AppendAction != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			h.Add("X-Appended", o.Header.Key)
		}
		h.Add(o.Header.Key, o.Header.Value)
	}
	return h
}

func TestEnvoyOverGRPC(t *testing.T) {
	client := serveEnvoy(t)
	for _, c := range []struct {
		name, method string
		headers      map[string]string
		status       int // of HTTP
		code         string
	}{
		{"good", "POST", map[string]string{"authorization": "Bearer alice"}, 200, ""},
		{"none", "GET", nil, 401, "token_missing"},
		{"revoked", "GET", map[string]string{"authorization": "Bearer revoked"}, 401, "token_revoked"},
		{"two, as Envoy joins them", "GET", map[string]string{"authorization": "Bearer alice,Bearer bare"}, 401, "token_malformed"},
		{"unspeakable", "GET", map[string]string{"authorization": "Bearer comma"}, 403, "forbidden"},
		{"unknown", "GET", map[string]string{"authorization": "Bearer unknown"}, 503, "freshness_unknown"},
		{"cookie", "GET", map[string]string{"cookie": "__Host-curfew-access=alice", "sec-fetch-site": "cross-site"}, 200, ""},
		{"forged", "POST", map[string]string{"cookie": "__Host-curfew-access=alice", "sec-fetch-site": "cross-site", "x-forwarded-method": "GET"}, 403, "forbidden"},
		{"own page", "POST", map[string]string{"cookie": "__Host-curfew-access=alice", "origin": "https://api.example"}, 200, ""},
		{"friend", "POST", map[string]string{"cookie": "__Host-curfew-access=alice", "origin": "https://good.example"}, 200, ""},
		{"pseudo", "GET", map[string]string{":authority": "x", ":path": "/livez", "host": "evil", "authorization": "Bearer revoked"}, 401, "token_revoked"},
	} {
		res, err := client.Check(t.Context(), question(c.method, c.headers))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if c.status == 200 {
			h := headerOf(res.GetOkResponse().GetHeaders())
			if res.Status.Code != int32(codes.OK) || h.Get("X-Curfew-User") != "u-1" || h.Get("X-Curfew-Roles") != "a,b" || h.Get("X-Appended") != "" {
				t.Errorf("%s: %v", c.name, res)
			}
			continue
		}
		no := res.GetDeniedResponse()
		h := headerOf(no.GetHeaders())
		if res.Status.Code == int32(codes.OK) || int(no.GetStatus().GetCode()) != c.status || !strings.Contains(no.GetBody(), `"code":"`+c.code+`"`) || h.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v", c.name, res)
		}
		about := c.status != 503 && c.name != "forged" // the token
		if challenge := strings.HasPrefix(h.Get("WWW-Authenticate"), "Bearer"); challenge != about {
			t.Errorf("%s: %v", c.name, h)
		}
	}
}

// Every identity header replaces the client's, also by nothing; what only looks
// like one is removed.
func TestEnvoyOverGRPCReplacesIdentity(t *testing.T) {
	client := serveEnvoy(t)
	q := question("GET", map[string]string{"authorization": "Bearer bare", "x-curfew-roles": "admin", "x_curfew_user": "root", "x.curfew.scope": "all", "x-curfew-new": "1", "x-other": "1"})
	for _, raw := range []bool{false, true} {
		if raw {
			q.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{}
			for name, value := range q.Attributes.Request.Http.Headers {
				q.Attributes.Request.Http.HeaderMap.Headers = append(q.Attributes.Request.Http.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
			}
			q.Attributes.Request.Http.Headers = nil
		}
		res, err := client.Check(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		h := headerOf(res.GetOkResponse().GetHeaders())
		want := http.Header{"X-Curfew-User": {"u-2"}, "X-Curfew-Session": {""}, "X-Curfew-Tenant": {""}, "X-Curfew-Roles": {""}, "X-Curfew-Scope": {""}, "X-Curfew-Issuer": {""}}
		for name, values := range want {
			if !slices.Equal(h[name], values) {
				t.Errorf("raw %v: %s is %q, want %q", raw, name, h[name], values)
			}
		}
		gone := slices.Sorted(slices.Values(res.GetOkResponse().GetHeadersToRemove()))
		if len(h) != len(want) || !slices.Equal(gone, []string{"x-curfew-new", "x.curfew.scope", "x_curfew_user"}) {
			t.Errorf("raw %v: sets %v, removes %v", raw, h, gone)
		}
	}
}

// Two lines of one name stay two, where Envoy tells them apart.
func TestEnvoyOverGRPCRefusesTwoTokens(t *testing.T) {
	q := question("GET", nil)
	q.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
		{Key: "authorization", RawValue: []byte("Bearer alice")}, {Key: "authorization", RawValue: []byte("Bearer bare")},
	}}
	res, err := serveEnvoy(t).Check(t.Context(), q)
	if err != nil || res.GetDeniedResponse().GetStatus().GetCode() != 401 {
		t.Errorf("%v, %v", res, err)
	}
}

// What is no proper question is no yes.
func TestEnvoyOverGRPCRefusesOtherQuestions(t *testing.T) {
	client := serveEnvoy(t)
	for want, q := range map[codes.Code]*authv3.CheckRequest{
		codes.InvalidArgument:   {},
		codes.ResourceExhausted: question("GET", map[string]string{"authorization": "Bearer alice", "x-long": strings.Repeat("x", 20<<10)}),
	} {
		if res, err := client.Check(t.Context(), q); status.Code(err) != want {
			t.Errorf("%v, %v", res, err)
		}
	}
	if res, err := client.Check(t.Context(), question("", map[string]string{"authorization": "Bearer alice"})); err == nil {
		t.Errorf("of no method: %v", res)
	}
}
