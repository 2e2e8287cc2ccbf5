package grpcguard_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/guard/grpcguard"
	"github.com/curfew-auth/curfew/internal/testenv"
)

const (
	unary     = pb.TestService_UnaryCall_FullMethodName
	empty     = pb.TestService_EmptyCall_FullMethodName
	cacheable = pb.TestService_CacheableUnaryCall_FullMethodName
	duplex    = pb.TestService_FullDuplexCall_FullMethodName
	output    = pb.TestService_StreamingOutputCall_FullMethodName
)

// An api says in the answer whom it serves.
type api struct {
	pb.UnimplementedTestServiceServer
	stream func(grpc.ServerStream) error
	long   chan struct{} // takes a value when CacheableUnaryCall begins
}

func (api) UnaryCall(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	id, ok := guard.IdentityFrom(ctx)
	return &pb.SimpleResponse{Username: fmt.Sprint(id.UserID, " ", ok)}, nil
}

func (api) EmptyCall(context.Context, *pb.Empty) (*pb.Empty, error) { return &pb.Empty{}, nil }

// CacheableUnaryCall lasts as long as it may.
func (a api) CacheableUnaryCall(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	a.long <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (a api) FullDuplexCall(s pb.TestService_FullDuplexCallServer) error { return a.stream(s) }

func (a api) StreamingOutputCall(_ *pb.StreamingOutputCallRequest, s pb.TestService_StreamingOutputCallServer) error {
	return a.stream(s)
}

func with(ctx context.Context, authorization ...string) context.Context {
	for _, v := range authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", v)
	}
	return ctx
}

// wantStatus checks the answer to a call; OK has no reason.
func wantStatus(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	s, _ := status.FromError(err)
	got, retry := "", false
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			got = d.GetReason()
			if d.GetDomain() != grpcguard.Domain {
				t.Errorf("%s: domain %q", what, d.GetDomain())
			}
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration() > 0
		}
	}
	if s.Code() != code || got != reason || retry != (code == codes.Unavailable) {
		t.Errorf("%s: %v %q, to be tried again: %v, want %v %q", what, err, got, retry, code, reason)
	}
}

// call makes a unary call, again while the guard on a busy machine does for a
// moment not know, unless that is wanted.
func call(t *testing.T, conn *grpc.ClientConn, method string, want codes.Code, authorization ...string) (user string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(with(t.Context(), authorization...), ceiling)
	defer cancel()
	for {
		var res pb.SimpleResponse
		err = conn.Invoke(ctx, method, &pb.SimpleRequest{}, &res)
		if want == codes.Unavailable || status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			return res.GetUsername(), err
		}
	}
}

func TestUnary(t *testing.T) {
	m := newMesh(t)
	conn := m.dial(api{})
	good, ended := m.token("s-1", time.Hour), m.token("s-2", time.Hour)
	for _, scheme := range []string{"Bearer ", "bearer "} {
		user, err := call(t, conn, unary, codes.OK, scheme+good)
		wantStatus(t, scheme, err, codes.OK, "")
		if user != "u-1 true" {
			t.Errorf("%s: served %q", scheme, user)
		}
	}
	m.revoke("s-2")
	testenv.Eventually(t, ceiling, func() error {
		if _, err := m.guard.Check(t.Context(), ended); !errors.Is(err, guard.ErrRevoked) {
			return fmt.Errorf("not refused: %w", err)
		}
		return nil
	})
	for reason, authorization := range map[string][]string{
		"token_missing":   nil,
		"token_malformed": {"Bearer " + good, "Bearer " + good},
		"token_expired":   {"Bearer " + m.token("s", -time.Hour)},
		"token_invalid":   {"Bearer " + good[:len(good)-4] + "AAAA"},
		"token_revoked":   {"Bearer " + ended},
	} {
		user, err := call(t, conn, unary, codes.Unauthenticated, authorization...)
		wantStatus(t, reason, err, codes.Unauthenticated, reason)
		if user != "" {
			t.Errorf("%s: served %q", reason, user)
		}
	}
	for _, bad := range []string{"Bearer", "Bearer ", "Bearer x", "Bearer " + good + " x"} {
		_, err := call(t, conn, unary, codes.Unauthenticated, bad)
		wantStatus(t, bad, err, codes.Unauthenticated, "token_malformed")
	}
	_, err := call(t, conn, unary, codes.Unauthenticated, "Basic eDp5")
	wantStatus(t, "another scheme", err, codes.Unauthenticated, "token_missing")
}

func TestRules(t *testing.T) {
	m := newMesh(t)
	const service = "/grpc.testing.TestService/"
	good := "Bearer " + m.token("s-1", time.Hour)
	for name, c := range map[string]struct {
		rules  []grpcguard.Rule
		code   codes.Code
		reason string
	}{
		"role":          {[]grpcguard.Rule{grpcguard.RequireRoles("admin")}, codes.OK, ""},
		"role missing":  {[]grpcguard.Rule{grpcguard.RequireRoles("admin", "root")}, codes.PermissionDenied, "forbidden"},
		"scope":         {[]grpcguard.Rule{grpcguard.RequireScope("read")}, codes.OK, ""},
		"scope missing": {[]grpcguard.Rule{grpcguard.RequireScope("read", "pay")}, codes.PermissionDenied, "forbidden"},
		"no store":      {[]grpcguard.Rule{grpcguard.WithMode(guard.Strict)}, codes.Unavailable, "freshness_unknown"},
	} {
		one, all := m.dial(api{}, grpcguard.On(unary, c.rules...)), m.dial(api{}, grpcguard.On(service, c.rules...))
		for which, conn := range map[string]*grpc.ClientConn{"method": one, "service": all} {
			_, err := call(t, conn, unary, c.code, good)
			wantStatus(t, name+" of the "+which, err, c.code, c.reason)
		}
		_, err := call(t, one, empty, codes.OK, good)
		wantStatus(t, name+" of another method", err, codes.OK, "")
	}
	both := m.dial(api{}, grpcguard.On(unary, grpcguard.WithMode(guard.Stateless)),
		grpcguard.On(service, grpcguard.WithMode(guard.Strict), grpcguard.RequireRoles("root")))
	_, err := call(t, both, unary, codes.PermissionDenied, good)
	wantStatus(t, "mode of the method, role of the service", err, codes.PermissionDenied, "forbidden")
}

func TestOpen(t *testing.T) {
	m := newMesh(t)
	const service, check = "/grpc.health.v1.Health/", grpc_health_v1.Health_Check_FullMethodName
	root := grpcguard.RequireRoles("root")
	for name, c := range map[string]struct {
		opts   []grpcguard.Option
		code   codes.Code
		reason string
	}{
		"not listed":              {nil, codes.Unauthenticated, "token_missing"},
		"another method":          {[]grpcguard.Option{grpcguard.Open(unary)}, codes.Unauthenticated, "token_missing"},
		"the method":              {[]grpcguard.Option{grpcguard.Open(check)}, codes.OK, ""},
		"the service":             {[]grpcguard.Option{grpcguard.Open(service)}, codes.OK, ""},
		"the method has rules":    {[]grpcguard.Option{grpcguard.Open(service, check), grpcguard.On(check)}, codes.Unauthenticated, "token_missing"},
		"the service has rules":   {[]grpcguard.Option{grpcguard.Open(service), grpcguard.On(service, root)}, codes.Unauthenticated, "token_missing"},
		"open within the service": {[]grpcguard.Option{grpcguard.Open(check), grpcguard.On(service, root)}, codes.OK, ""},
	} {
		client := grpc_health_v1.NewHealthClient(m.dial(api{}, c.opts...))
		_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		wantStatus(t, name, err, c.code, c.reason)
	}
	watch, err := grpc_health_v1.NewHealthClient(m.dial(api{}, grpcguard.Open(service))).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	testenv.Must(t, err)
	_, err = watch.Recv()
	wantStatus(t, "an open stream", err, codes.OK, "")
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "/", "//", "/x", "x/y", "//x", "/x/y/z", "x/y/z", "*"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is taken for a method", name)
				}
			}()
			grpcguard.On(name)
		}()
	}
}
