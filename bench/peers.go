package main

import (
	"context"
	"sync"
	"time"

	jwtware "github.com/gofiber/contrib/jwt"
	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/nats-io/nats.go"
	"github.com/redis/rueidis"
)

// A peer is what a team could put before its handlers instead of Curfew.
type peer struct {
	name     string
	handlers []fiber.Handler
	bar      float64 // see site
	often    int
}

func (w *world) peers(ctx context.Context) ([]peer, error) {
	rdb, err := w.goRedis()
	if err != nil {
		return nil, err
	}
	w.ends = append(w.ends, func() { _ = rdb.Close() })
	cached, err := w.clientSideCaching()
	if err != nil {
		return nil, err
	}
	mapped, err := w.mapOverNATS()
	if err != nil {
		return nil, err
	}
	exists := func(jti string) (bool, error) {
		n, err := rdb.Exists(ctx, "revoked:"+jti).Result()
		return n > 0, err
	}
	middleware := jwtware.New(jwtware.Config{
		SigningKey: jwtware.SigningKey{JWTAlg: jwt.SigningMethodEdDSA.Alg(), Key: w.public},
		Claims:     &jwt.RegisteredClaims{},
	})
	return []peer{
		{name: "a bare Fiber route", bar: 0.85, often: 3},
		{name: "golang-jwt verify + Redis EXISTS", handlers: w.guarded(exists), bar: 3},
		{name: "golang-jwt verify + rueidis client-side caching", handlers: w.guarded(cached)},
		{name: "gofiber/contrib JWT middleware, no revocation", handlers: []fiber.Handler{middleware}},
		{name: "golang-jwt verify + core NATS and a map", handlers: w.guarded(mapped)},
	}, nil
}

// guarded verifies the bearer token and asks whether its jti is revoked.
func (w *world) guarded(revoked func(jti string) (bool, error)) []fiber.Handler {
	return []fiber.Handler{func(c *fiber.Ctx) error {
		const scheme = "Bearer "
		raw := c.Get(fiber.HeaderAuthorization)
		if len(raw) < len(scheme) || raw[:len(scheme)] != scheme {
			return fiber.ErrUnauthorized
		}
		claims, err := w.verify(raw[len(scheme):])
		if err != nil {
			return fiber.ErrUnauthorized
		}
		switch yes, err := revoked(claims.ID); {
		case err != nil:
			return fiber.ErrServiceUnavailable
		case yes:
			return fiber.ErrUnauthorized
		}
		return c.Next()
	}}
}

// clientSideCaching keeps what Redis said until Redis says that it changed.
func (w *world) clientSideCaching() (func(jti string) (bool, error), error) {
	opts, err := rueidis.ParseURL(w.redis.URL())
	if err != nil {
		return nil, err
	}
	client, err := rueidis.NewClient(opts)
	if err != nil {
		return nil, err
	}
	w.ends = append(w.ends, client.Close)
	return func(jti string) (bool, error) {
		err := client.DoCache(context.Background(), client.B().Get().Key("revoked:"+jti).Cache(), time.Hour).Error()
		if rueidis.IsRedisNil(err) {
			return false, nil
		}
		return err == nil, err
	}, nil
}

// mapOverNATS is what one writes in an afternoon. What is published while it is
// away it never learns.
func (w *world) mapOverNATS() (func(jti string) (bool, error), error) {
	nc, err := w.connect()
	if err != nil {
		return nil, err
	}
	var mu sync.RWMutex
	held := map[string]bool{}
	_, err = nc.Subscribe("revoked", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		held[string(m.Data)] = true
	})
	return func(jti string) (bool, error) {
		mu.RLock()
		defer mu.RUnlock()
		return held[jti], nil
	}, err
}
