package session

import (
	"cmp"
	"context"
)

// A Client is where a request comes from, for the trail.
type Client struct{ IP, UserAgent, RequestID string }

type clientKey struct{}

// WithClient returns a context whose events come from the client. The strings
// must stay valid after the request.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

func clientOf(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}

// note records what the client of ctx asked for: the event says where the
// request came from, if that is known, and else what the event has.
func (s *Service) note(ctx context.Context, e Event) {
	if c := clientOf(ctx); c.IP != "" {
		e.IP, e.UserAgent = c.IP, c.UserAgent
	}
	s.noteAs(ctx, e)
}

// noteAs records an event that has its own word on where it came from: a
// backend may have passed on what its user said.
func (s *Service) noteAs(ctx context.Context, e Event) {
	e.RequestID = cmp.Or(e.RequestID, clientOf(ctx).RequestID)
	s.Trail.Record(e.Clipped())
}
