package memlog

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/curfew-auth/curfew/internal/events"
)

// An Exchange is an events.Exchange between goroutines. Its zero value is
// ready to use.
type Exchange struct {
	mu      sync.Mutex
	serving []*answerer
	edges   []*answerer
	turn    int
}

type answerer struct {
	answer events.AnswerFunc
}

// Serve implements events.Exchange.
func (x *Exchange) Serve(_ context.Context, answer events.AnswerFunc) (func(), error) {
	return x.serve(&x.serving, answer), nil
}

// ServeEdges implements events.Exchange.
func (x *Exchange) ServeEdges(_ context.Context, answer events.AnswerFunc) (func(), error) {
	return x.serve(&x.edges, answer), nil
}

func (x *Exchange) serve(among *[]*answerer, answer events.AnswerFunc) (stop func()) {
	a := &answerer{answer}
	x.mu.Lock()
	defer x.mu.Unlock()
	*among = append(*among, a)
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		*among = slices.DeleteFunc(slices.Clone(*among), func(s *answerer) bool { return s == a })
	}
}

// AskEdges implements events.Exchange.
func (x *Exchange) AskEdges(ctx context.Context, q events.Question) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.edges {
		go func() { _, _ = s.answer(context.WithoutCancel(ctx), q) }()
	}
	return nil
}

// Answerers returns how many serve, edges included.
func (x *Exchange) Answerers() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.serving) + len(x.edges)
}

// Ask implements events.Exchange.
func (x *Exchange) Ask(ctx context.Context, q events.Question) (events.Answer, error) {
	x.mu.Lock()
	asked := x.serving
	if n := len(asked); n > 0 && !q.Everyone {
		x.turn++
		asked = asked[x.turn%n : x.turn%n+1]
	}
	x.mu.Unlock()
	if len(asked) == 0 {
		return events.Answer{}, events.ErrNoAnswerer
	}
	return first(ctx, asked, q)
}

// first returns the first good answer, or a bad one: an issuer's refusal, if there
// is one.
func first(ctx context.Context, asked []*answerer, q events.Question) (a events.Answer, err error) {
	type result struct {
		answer events.Answer
		err    error
	}
	results := make(chan result, len(asked))
	for _, s := range asked {
		go func() {
			a, err := s.answer(ctx, q)
			results <- result{a, err}
		}()
	}
	for range asked {
		select {
		case r := <-results:
			if r.err == nil {
				return r.answer, nil
			}
			if was, ok := errors.AsType[*events.Refusal](err); !ok || was.By != events.RoleIssuer {
				err = r.err
			}
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
	return a, err
}
