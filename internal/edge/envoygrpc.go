package edge

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/curfew-auth/curfew/internal/front"
)

// An extAuthz is the door for Envoy over gRPC (envoy.service.auth.v3). It asks
// the door over HTTP, within the process, and says the answer in Envoy's words:
// the decision, the request id, log and metrics are the same.
type extAuthz struct {
	authv3.UnimplementedAuthorizationServer
	handler fasthttp.RequestHandler
	names   *naming
}

// newExtAuthz must come before the application serves.
func newExtAuthz(app *fiber.App, names *naming) *extAuthz {
	app.Handler() // builds the routes
	return &extAuthz{handler: app.Server().Handler, names: names}
}

// Check answers Envoy's question. What is no question about an HTTP request is
// an error, which Envoy takes for a failure of the edge.
func (x *extAuthz) Check(_ context.Context, q *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	about := q.GetAttributes().GetRequest().GetHttp()
	if about.GetMethod() == "" { // nothing is known of what it may change
		return nil, status.Error(codes.InvalidArgument, "the question is about no HTTP request")
	}
	headers := headersOf(about)
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, peerOf(q), nil)
	// The path is not part of the decision; it shall not choose the route.
	ctx.Request.Header.SetRequestURI("/authz/envoy")
	ctx.Request.Header.SetMethod(about.GetMethod())
	size := 0
	for name, values := range headers {
		for _, v := range values {
			size += len(name) + len(v)
			ctx.Request.Header.Add(name, v)
		}
	}
	ctx.Request.Header.SetHost(about.GetHost())
	if size > front.MaxHeader {
		return nil, status.Error(codes.ResourceExhausted, "the request's header is too large")
	}
	x.handler(&ctx)
	if code := ctx.Response.StatusCode(); code != http.StatusOK {
		return denied(code, &ctx.Response), nil
	}
	return x.allowed(headers, &ctx.Response), nil
}

// headersOf lists what Envoy tells of the request's header: in the raw form if
// it is configured to (encode_raw_headers), else lines of one name joined with
// commas, which no token survives.
func headersOf(about *authv3.AttributeContext_HttpRequest) http.Header {
	h := http.Header{}
	add := func(name, value string) {
		switch strings.ToLower(name) {
		case "host", "content-length", "transfer-encoding":
		default:
			if !strings.HasPrefix(name, ":") {
				h[name] = append(h[name], value)
			}
		}
	}
	for _, raw := range about.GetHeaderMap().GetHeaders() {
		value := raw.GetValue()
		if bytes := raw.GetRawValue(); len(bytes) > 0 {
			value = string(bytes)
		}
		add(raw.GetKey(), value)
	}
	if len(h) == 0 {
		for name, value := range about.GetHeaders() {
			add(name, value)
		}
	}
	return h
}

func peerOf(q *authv3.CheckRequest) net.Addr {
	a := q.GetAttributes().GetSource().GetAddress().GetSocketAddress()
	ip, err := netip.ParseAddr(a.GetAddress())
	if err != nil {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(a.GetPortValue())))
}

// allowed sets every identity header in place of the client's, and has all
// that is spelled like one of them removed.
func (x *extAuthz) allowed(client http.Header, res *fasthttp.Response) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{}
	ours := map[string]bool{}
	for _, name := range [][]byte{x.names.user, x.names.session, x.names.tenant, x.names.roles, x.names.scope, x.names.issuer} {
		key := strings.ToLower(string(name))
		ours[key] = true
		ok.Headers = append(ok.Headers, option(key, string(res.Header.PeekBytes(name)), true))
	}
	if signed := res.Header.PeekBytes(x.names.assertion); len(signed) > 0 {
		key := strings.ToLower(string(x.names.assertion))
		ours[key] = true
		ok.Headers = append(ok.Headers, option(key, string(signed), false))
	}
	for name := range client {
		if strings.HasPrefix(plainName(name), x.names.reserved) && !ours[strings.ToLower(name)] {
			ok.HeadersToRemove = append(ok.HeadersToRemove, name)
		}
	}
	return &authv3.CheckResponse{
		Status:       &rpc.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

func denied(code int, res *fasthttp.Response) *authv3.CheckResponse {
	no := &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: typev3.StatusCode(code)}, Body: string(res.Body())}
	for name, value := range res.Header.All() {
		if key := strings.ToLower(string(name)); key != "content-length" && key != "connection" && key != "server" && key != "date" {
			no.Headers = append(no.Headers, option(key, string(value), false))
		}
	}
	reason := codes.PermissionDenied
	if code == http.StatusUnauthorized {
		reason = codes.Unauthenticated
	}
	return &authv3.CheckResponse{
		Status:       &rpc.Status{Code: int32(reason)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: no},
	}
}

func option(key, value string, keepEmpty bool) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:         &corev3.HeaderValue{Key: key, Value: value},
		AppendAction:   corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		KeepEmptyValue: keepEmpty,
	}
}
