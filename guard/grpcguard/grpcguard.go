// Package grpcguard puts a guard in front of the methods of a gRPC server.
//
//	grpc.NewServer(
//		grpc.UnaryInterceptor(grpcguard.Unary(g, opts...)),
//		grpc.StreamInterceptor(grpcguard.Stream(g, opts...)),
//	)
//
// Both are needed: each sees only its kind of method. The token comes in the
// metadata as authorization: Bearer, once; there are no cookies. Handlers find
// the identity with [guard.IdentityFrom]. Every method is guarded but those of
// [Open]; what is refused gets the answer of [StatusOf].
package grpcguard

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/curfew-auth/curfew/guard"
)

// Unary lets calls with a good token through to their method.
func Unary(g *guard.Guard, opts ...Option) grpc.UnaryServerInterceptor {
	p := newPolicy(g, opts)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if p.isOpen(info.FullMethod) {
			return handler(ctx, req)
		}
		admitted, release, err := p.admit(ctx, p.rule(info.FullMethod))
		if err != nil {
			return nil, StatusOf(err).Err()
		}
		defer release()
		res, err := handler(admitted, req)
		if why := ended(ctx, admitted); why != nil && err != nil {
			return nil, StatusOf(why).Err()
		}
		return res, err
	}
}

// Stream lets streams with a good token through to their method, and ends them
// when the token ends: see [guard.Guard.CheckLive]. The context of the stream
// is done then, Recv returns at once and Send refuses, both with the status,
// and that is what the client gets, whatever the method returns. A Send that
// waits for a slow client goes on waiting, with the message it has.
//
// A message given to RecvMsg must not be used again once that has failed.
func Stream(g *guard.Guard, opts ...Option) grpc.StreamServerInterceptor {
	p := newPolicy(g, opts)
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if p.isOpen(info.FullMethod) {
			return handler(srv, ss)
		}
		r := p.rule(info.FullMethod)
		r.live = true
		live, release, err := p.admit(ss.Context(), r)
		if err != nil {
			return StatusOf(err).Err()
		}
		defer release()
		err = handler(srv, &stream{ServerStream: ss, live: live})
		if why := ended(ss.Context(), live); why != nil {
			return StatusOf(why).Err()
		}
		return err
	}
}

// admit decides about one call. The context that it returns has the identity.
func (p *policy) admit(ctx context.Context, r rule) (admitted context.Context, release context.CancelFunc, err error) {
	raw, err := token(ctx)
	if err != nil {
		return nil, nil, err
	}
	if r.live {
		admitted, release, err = p.guard.CheckLive(ctx, raw, r.mode)
	} else {
		var id guard.Identity
		id, err = p.guard.CheckMode(ctx, raw, r.mode)
		admitted, release = guard.WithIdentity(ctx, id), func() {}
	}
	if err != nil {
		return nil, nil, err
	}
	id, _ := guard.IdentityFrom(admitted)
	if err := r.allows(id); err != nil {
		release()
		return nil, nil, err
	}
	return admitted, release, nil
}

// token reads the metadata as [guard.TokenFrom] reads a header.
func token(ctx context.Context) (string, error) {
	return guard.TokenFrom(&http.Request{Header: http.Header{
		"Authorization": metadata.ValueFromIncomingContext(ctx, "authorization"),
	}})
}

// ended says why the guard has ended an admitted context, if it was the guard
// and not whoever owns the outer one.
func ended(outer, admitted context.Context) error {
	if admitted.Err() == nil || outer.Err() != nil {
		return nil
	}
	return context.Cause(admitted)
}
