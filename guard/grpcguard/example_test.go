package grpcguard_test

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/guard/grpcguard"
)

// Every method needs a good token but those of the health service; one also
// needs a role, and the store's word that the session exists now.
func ExampleUnary() {
	var g *guard.Guard // from guard.New

	opts := []grpcguard.Option{
		grpcguard.Open(grpc_health_v1.Health_Check_FullMethodName, grpc_health_v1.Health_Watch_FullMethodName),
		grpcguard.On(pb.TestService_UnaryCall_FullMethodName,
			grpcguard.WithMode(guard.Strict), grpcguard.RequireRoles("teller")),
	}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(grpcguard.Unary(g, opts...)),
		grpc.StreamInterceptor(grpcguard.Stream(g, opts...)),
	)
	defer server.Stop()
}
