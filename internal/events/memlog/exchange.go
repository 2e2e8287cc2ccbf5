package memlog

import (
	"context"
	"errors"
	"sync"

	"github.com/curfew-auth/curfew/internal/events"
)

// An Exchange is an events.Exchange between goroutines. Its zero value is
// ready to use.
type Exchange struct {
	mu      sync.Mutex
	serving []*answerer
	turn    int
}

type answerer struct {
	answer events.AnswerFunc
}

// Serve implements events.Exchange.
func (x *Exchange) Serve(_ context.Context, answer events.AnswerFunc) (func(), error) {
	a := &answerer{answer}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.serving = append(x.serving, a)
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		for i, s := range x.serving {
			if s == a {
				x.serving = append(x.serving[:i:i], x.serving[i+1:]...)
			}
		}
	}, nil
}

// Answerers returns how many serve.
func (x *Exchange) Answerers() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.serving)
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
