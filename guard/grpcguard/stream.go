package grpcguard

import (
	"context"

	"google.golang.org/grpc"
)

// A stream is one that was let through.
type stream struct {
	grpc.ServerStream
	live context.Context
}

// Context has the identity and ends with the token.
func (s *stream) Context() context.Context { return s.live }

// RecvMsg receives beside its caller, because nothing else ends a wait for a
// client that is silent. What still waits is let go when the method returns.
func (s *stream) RecvMsg(m any) error {
	if err := s.refused(); err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() { received <- s.ServerStream.RecvMsg(m) }()
	select {
	case err := <-received:
		return err
	case <-s.live.Done():
		if err := s.refused(); err != nil {
			return err
		}
		return <-received // the client is gone; so it returns
	}
}

func (s *stream) SendMsg(m any) error {
	if err := s.refused(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(m)
}

func (s *stream) refused() error {
	if why := ended(s.ServerStream.Context(), s.live); why != nil {
		return StatusOf(why).Err()
	}
	return nil
}
