package grpcguard

import (
	"errors"
	"strings"

	"github.com/curfew-auth/curfew/guard"
)

// An Option of [Unary] and [Stream]. Methods are named as gRPC does, in full:
// /package.Service/Method, which the generated constants …_FullMethodName hold;
// /package.Service/ stands for all methods of a service. A name of another form
// panics; whether there is such a method is not known.
type Option func(*policy)

// Open lets everybody call these methods, without an identity: such as
// /grpc.health.v1.Health/. What [On] says of a method, or of the same service,
// goes before.
func Open(methods ...string) Option {
	for _, m := range methods {
		mustName(m)
	}
	return func(p *policy) {
		for _, m := range methods {
			p.open[m] = true
		}
	}
}

// On sets rules for a method, in addition to those for its service.
func On(method string, rules ...Rule) Option {
	mustName(method)
	return func(p *policy) { p.rules[method] = append(p.rules[method], rules...) }
}

// A Rule of a method: see [On].
type Rule func(*rule)

// WithMode sets the mode in which calls are checked, in place of that of the
// guard's configuration.
func WithMode(m guard.Mode) Rule { return func(r *rule) { r.mode = m } }

// Live ends the context of a unary call too when its token ends. For those that
// last; streams always do.
func Live() Rule { return func(r *rule) { r.live = true } }

// RequireRoles lets calls through whose identity has all of these roles.
func RequireRoles(roles ...string) Rule {
	return func(r *rule) { r.roles = append(r.roles, roles...) }
}

// RequireScope lets calls through whose token has all of these scopes.
func RequireScope(scopes ...string) Rule {
	return func(r *rule) { r.scopes = append(r.scopes, scopes...) }
}

// A policy is what the options come to. It is not written to any more.
type policy struct {
	guard *guard.Guard
	open  map[string]bool
	rules map[string][]Rule
}

func newPolicy(g *guard.Guard, opts []Option) *policy {
	p := &policy{guard: g, open: map[string]bool{}, rules: map[string][]Rule{}}
	for _, set := range opts {
		set(p)
	}
	return p
}

func (p *policy) isOpen(method string) bool {
	service, method := names(method)
	if _, ruled := p.rules[method]; ruled || p.open[method] {
		return !ruled
	}
	_, ruled := p.rules[service]
	return p.open[service] && !ruled
}

func (p *policy) rule(method string) rule {
	service, method := names(method)
	r := rule{mode: p.guard.OptionsFor(nil).Mode}
	for _, set := range p.rules[service] {
		set(&r)
	}
	for _, set := range p.rules[method] {
		set(&r)
	}
	return r
}

// A rule is what is asked of calls of one method.
type rule struct {
	mode          guard.Mode
	live          bool
	roles, scopes []string
}

func (r *rule) allows(id guard.Identity) error {
	return errors.Join(id.RequireRoles(r.roles...), id.RequireScope(r.scopes...))
}

// names returns how options name the service and the method of a call. Some
// servers of gRPC took a path without its first slash for the same method.
func names(full string) (service, method string) {
	method = "/" + strings.TrimPrefix(full, "/")
	return method[:strings.LastIndexByte(method, '/')+1], method
}

func mustName(method string) {
	parts := strings.Split(method, "/")
	if len(parts) != 3 || parts[0] != "" || parts[1] == "" {
		panic("grpcguard: no name of a method or service: " + method)
	}
}
