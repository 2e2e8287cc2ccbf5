package grpcguard_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/guard/grpcguard"
	"github.com/curfew-auth/curfew/internal/testenv"
)

var bothWays = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// open begins a stream whose method has sent its first message, or refuses.
// Like call it tries again while the guard does not know.
func open(ctx context.Context, t *testing.T, conn *grpc.ClientConn, method, authorization string) (s grpc.ClientStream, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(with(ctx, authorization), ceiling)
	t.Cleanup(cancel)
	for {
		s, err = conn.NewStream(ctx, bothWays, method)
		testenv.Must(t, err)
		_ = s.SendMsg(&pb.StreamingOutputCallRequest{}) // an error is that of RecvMsg
		if method == output {
			_ = s.CloseSend()
		}
		err = s.RecvMsg(&pb.StreamingOutputCallResponse{})
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			return s, err
		}
	}
}

// What the methods below have seen when they end.
type seen struct {
	user string
	errs []error
}

// receiving answers every message and ends when it cannot receive any more.
func receiving(out chan<- seen) func(grpc.ServerStream) error {
	return func(s grpc.ServerStream) error {
		id, _ := guard.IdentityFrom(s.Context())
		for {
			var m pb.StreamingOutputCallRequest
			if err := s.RecvMsg(&m); err != nil {
				out <- seen{id.UserID, []error{err, s.SendMsg(&pb.StreamingOutputCallResponse{})}}
				return err
			}
			if err := s.SendMsg(&pb.StreamingOutputCallResponse{}); err != nil {
				return err
			}
		}
	}
}

// waiting sends a message and waits for the end of its context, which it takes
// for success.
func waiting(out chan<- seen) func(grpc.ServerStream) error {
	return func(s grpc.ServerStream) error {
		if err := s.SendMsg(&pb.StreamingOutputCallResponse{}); err != nil {
			return err
		}
		<-s.Context().Done()
		id, _ := guard.IdentityFrom(s.Context())
		out <- seen{id.UserID, []error{s.SendMsg(&pb.StreamingOutputCallResponse{}), s.RecvMsg(&pb.StreamingOutputCallRequest{})}}
		return nil
	}
}

func TestStreamEndsWithTheSession(t *testing.T) {
	m := newMesh(t)
	for method, handler := range map[string]func(chan<- seen) func(grpc.ServerStream) error{
		duplex: receiving, output: waiting,
	} {
		out := make(chan seen, 1)
		conn := m.dial(api{stream: handler(out)})
		sid := "s-" + method
		raw := "Bearer " + m.token(sid, time.Hour)
		s, err := open(t.Context(), t, conn, method, raw)
		testenv.Must(t, err)
		m.revoke(sid)
		wantStatus(t, method, s.RecvMsg(&pb.StreamingOutputCallResponse{}), codes.Unauthenticated, "token_revoked")
		saw := <-out
		if saw.user != "u-1" {
			t.Errorf("%s: served %q", method, saw.user)
		}
		for _, err := range saw.errs {
			wantStatus(t, method+", in the method", err, codes.Unauthenticated, "token_revoked")
		}
		_, err = open(t.Context(), t, conn, method, raw)
		wantStatus(t, method+", again", err, codes.Unauthenticated, "token_revoked")
	}
}

func TestStreamRefused(t *testing.T) {
	m := newMesh(t)
	conn := m.dial(api{stream: func(grpc.ServerStream) error {
		t.Error("served")
		return nil
	}}, grpcguard.On(duplex, grpcguard.RequireRoles("root")))
	good := "Bearer " + m.token("s-1", time.Hour)
	_, err := open(t.Context(), t, conn, duplex, good)
	wantStatus(t, "role missing", err, codes.PermissionDenied, "forbidden")
	_, err = open(t.Context(), t, conn, output, "Bearer x")
	wantStatus(t, "malformed", err, codes.Unauthenticated, "token_malformed")
	_, err = open(t.Context(), t, conn, output, "Bearer "+m.token("s-1", -time.Hour))
	wantStatus(t, "expired", err, codes.Unauthenticated, "token_expired")
}

// Who hangs up is not told by the guard why.
func TestStreamEndsWithItsClient(t *testing.T) {
	m := newMesh(t)
	out := make(chan seen, 1)
	conn := m.dial(api{stream: receiving(out)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := open(ctx, t, conn, duplex, "Bearer "+m.token("s-1", time.Hour))
	testenv.Must(t, err)
	cancel()
	saw := <-out
	wantStatus(t, "in the method", saw.errs[0], codes.Canceled, "")
}

func TestLongCallEndsWithTheSession(t *testing.T) {
	m := newMesh(t)
	began := make(chan struct{}, 1)
	conn := m.dial(api{long: began}, grpcguard.On(cacheable, grpcguard.Live()))
	answered := make(chan error, 1)
	raw := "Bearer " + m.token("s-1", time.Hour)
	go func() {
		_, err := call(t, conn, cacheable, codes.OK, raw)
		answered <- err
	}()
	<-began
	m.revoke("s-1")
	wantStatus(t, "the call", <-answered, codes.Unauthenticated, "token_revoked")
}
