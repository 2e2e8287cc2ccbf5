//go:build unix

package chaos

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
)

// A broken link is between a node, that of the run which the first function
// chooses, and the servers.

func cutLog(of func(*run) *node) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error { return cut(of(r).nats...) }
}

func cutStore(of func(*run) *node) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error { return cut(of(r).redis) }
}

func cutBoth(of func(*run) *node) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error { return cut(of(r).links()...) }
}

func stallLog(of func(*run) *node) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error { return stall(of(r).nats...) }
}

func stallStore(of func(*run) *node) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error { return stall(of(r).redis) }
}

func stallBoth(of func(*run) *node) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error { return stall(of(r).links()...) }
}

func healLinks(of func(*run) *node) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error { return slow(0, of(r).links()...) }
}

func cut(links ...*faultproxy.Proxy) error {
	for _, l := range links {
		l.Cut()
	}
	return nil
}

func stall(links ...*faultproxy.Proxy) error {
	var errs []error
	for _, l := range links {
		errs = append(errs, l.Stall())
	}
	return errors.Join(errs...)
}

// slow delays all bytes of the links, both ways; by 0 it heals them.
func slow(by time.Duration, links ...*faultproxy.Proxy) error {
	var errs []error
	for _, l := range links {
		errs = append(errs, l.Delay(by))
	}
	return errors.Join(errs...)
}

// allLinks are those of all nodes.
func (r *run) allLinks() (links []*faultproxy.Proxy) {
	for _, n := range r.all() {
		links = append(links, n.links()...)
	}
	return links
}
