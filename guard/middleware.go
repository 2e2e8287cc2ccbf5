package guard

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

type identityKey struct{}

// WithIdentity returns a context that carries an identity, for adapters to
// other frameworks and for tests of handlers.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// IdentityFrom returns who the request speaks for. ok is false where no
// [Middleware] has let the request through.
func IdentityFrom(ctx context.Context) (id Identity, ok bool) {
	id, ok = ctx.Value(identityKey{}).(Identity)
	return id, ok
}

// An Option of [Middleware].
type Option func(*Options)

// Options are what the Option values come to, for adapters to other
// frameworks.
type Options struct {
	Mode    Mode
	Live    bool
	Origins []string // those of AllowOrigins
}

// OptionsFor starts from the guard's configuration.
func (g *Guard) OptionsFor(opts []Option) Options {
	o := Options{Mode: g.config.Mode}
	for _, set := range opts {
		set(&o)
	}
	return o
}

// WithMode sets the mode in which requests are checked, in place of that of
// the configuration.
func WithMode(m Mode) Option { return func(o *Options) { o.Mode = m } }

// Live ends the context of a request when its token ends: see
// [Guard.CheckLive]. For routes whose requests last, such as server-sent events
// and WebSockets.
func Live() Option { return func(o *Options) { o.Live = true } }

// Middleware lets requests with a good token through to the next handler,
// which finds the [Identity] in the context. Others are answered with a
// problem document; the next handler never sees them. Neither does it see
// requests that a page of another origin makes with our cookie, unless they are
// GET, HEAD or OPTIONS: see [AllowOrigins].
func Middleware(g *Guard, opts ...Option) func(http.Handler) http.Handler {
	o := g.OptionsFor(opts)
	origins := protection(o.Origins)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := sameOrigin(r, origins); err != nil {
				RefusalOf(err).ServeHTTP(w, r)
				return
			}
			ctx, release, err := g.admit(r, o)
			if err != nil {
				RefusalOf(err).ServeHTTP(w, r)
				return
			}
			defer release()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

func (g *Guard) admit(r *http.Request, o Options) (context.Context, context.CancelFunc, error) {
	raw, err := TokenFrom(r)
	if err != nil {
		return nil, nil, err
	}
	if o.Live {
		return g.CheckLive(r.Context(), raw, o.Mode)
	}
	id, err := g.CheckMode(r.Context(), raw, o.Mode)
	return WithIdentity(r.Context(), id), func() {}, err
}

// RequireRoles lets requests through whose identity has all of these roles. It
// stands behind [Middleware].
func RequireRoles(roles ...string) func(http.Handler) http.Handler {
	return require(func(id Identity) error { return id.RequireRoles(roles...) })
}

// RequireScope lets requests through whose token has all of these scopes. It
// stands behind [Middleware].
func RequireScope(scopes ...string) func(http.Handler) http.Handler {
	return require(func(id Identity) error { return id.RequireScope(scopes...) })
}

func require(allowed func(Identity) error) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, ok := IdentityFrom(r.Context())
			err := ErrMissing
			if ok {
				err = allowed(id)
			}
			if err != nil {
				RefusalOf(err).ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// RequireRoles returns ErrForbidden unless the identity has all of the roles.
func (id Identity) RequireRoles(roles ...string) error {
	for _, role := range roles {
		if !slices.Contains(id.Roles, role) {
			return fmt.Errorf("%w: the role is missing", ErrForbidden)
		}
	}
	return nil
}

// RequireScope returns ErrForbidden unless the token has all of the scopes.
func (id Identity) RequireScope(scopes ...string) error {
	have := strings.Fields(id.Scope)
	for _, scope := range scopes {
		if !slices.Contains(have, scope) {
			return &missingScope{want: scopes}
		}
	}
	return nil
}

type missingScope struct{ want []string }

func (*missingScope) Error() string { return "guard: the token's scope is too small" }
func (*missingScope) Unwrap() error { return ErrForbidden }
