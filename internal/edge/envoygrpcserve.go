package edge

import (
	"context"
	"fmt"
	"net"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"github.com/curfew-auth/curfew/internal/front"
)

const (
	maxQuestion  = 256 << 10 // bytes, in case Envoy sends the body along
	maxQuestions = 1024      // at once on one connection
	questionIdle = 10 * time.Second
)

// serve serves the gRPC door on ln until ctx ends, goes on for delay, and then
// lets running questions finish. It owns ln. The error is what broke it. Behind a
// shield, clients speak TLS: gRPC itself sees none of it.
func (x *extAuthz) serve(ctx context.Context, ln net.Listener, shield front.Shield, delay time.Duration) error {
	s := grpc.NewServer(grpc.MaxRecvMsgSize(maxQuestion), grpc.MaxConcurrentStreams(maxQuestions),
		grpc.ConnectionTimeout(questionIdle), grpc.MaxHeaderListSize(front.MaxHeader))
	authv3.RegisterAuthorizationServer(s, x)
	served := make(chan error, 1)
	go func() { served <- s.Serve(shield.Listen(ln)) }()
	select {
	case err := <-served:
		return fmt.Errorf("edge: ext_authz: %w", err)
	case <-ctx.Done():
	}
	wait(context.WithoutCancel(ctx), delay)
	cut := time.AfterFunc(finish, s.Stop)
	defer cut.Stop()
	s.GracefulStop()
	return nil
}
