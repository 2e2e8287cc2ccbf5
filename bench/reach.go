package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/token"
)

const (
	edges       = 100
	revocations = 100 // for each round
	warmUp      = 10  // more, that are not counted
)

// measureReach measures how long after a revocation was answered every one of
// a hundred edges refuses its token, beside a hundred raw ordered consumers
// that only note the delivery. Each has a connection of its own; all are in
// this process, with the server.
func measureReach(ctx context.Context, b *bench) error {
	var ours, raw []time.Duration
	for range b.count {
		o, err := ownWorld(ctx, reachGuards)
		if err != nil {
			return err
		}
		r, err := ownWorld(ctx, reachConsumers)
		if err != nil {
			return err
		}
		ours, raw = append(ours, o...), append(raw, r...)
	}
	for _, q := range []float64{0.5, 0.99} {
		o, r := quantile(ours, q), quantile(raw, q)
		line := row{fmt.Sprintf("revoke answered to refused on all of %d edges, against raw ordered delivery, p%.0f", edges, 100*q),
			o.Round(10 * time.Microsecond).String(), r.Round(10 * time.Microsecond).String(), fmt.Sprintf("%.2f", float64(o)/float64(r)), "", shown}
		if q > 0.9 {
			line.bar, line.met = "2 or less", judge(o <= 2*r)
		}
		b.add(line)
	}
	return nil
}

// ownWorld measures in a world of its own, so that neither listens while the
// other is measured.
func ownWorld(ctx context.Context, measure func(context.Context, *world, int) ([]time.Duration, error)) ([]time.Duration, error) {
	w, err := newWorld(ctx)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.answer(ctx); err != nil {
		return nil, err
	}
	took, err := measure(ctx, w, warmUp+revocations)
	return took[min(warmUp, len(took)):], err
}

func reachGuards(ctx context.Context, w *world, n int) (took []time.Duration, err error) {
	guards := make([]*guard.Guard, edges)
	for i := range guards {
		guards[i], err = guard.New(ctx, guard.Config{
			ID: fmt.Sprint("edge-", i), NATSURL: w.nats.ClientURL(), Issuer: issuer, Audience: audience, JWKSURL: w.jwks, CacheEntries: 10_000,
		})
		if err != nil {
			return nil, err
		}
		w.ends = append(w.ends, guards[i].Close)
	}
	for _, g := range guards {
		if err := await(g.Ready); err != nil {
			return nil, err
		}
	}
	for range n {
		d, err := w.revokeEverywhere(ctx, guards)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return took, nil
}

func (w *world) revokeEverywhere(ctx context.Context, guards []*guard.Guard) (time.Duration, error) {
	now, sid := time.Now(), uuid.NewString()
	raw, err := w.keys.Mint(token.Claims{
		Issuer: issuer, Subject: "u", ID: uuid.NewString(), SessionID: sid, Tenant: "default", Region: "local", Audience: []string{audience},
		IssuedAt: now, ExpiresAt: now.Add(time.Hour), IssuedAtMillis: now.UnixMilli(),
	})
	if err != nil {
		return 0, err
	}
	for _, g := range guards {
		if _, err := g.Check(ctx, raw); err != nil {
			return 0, fmt.Errorf("before it was revoked: %w", err)
		}
	}
	r := revocation()
	r.Subject = sid
	if _, err := events.Publish(ctx, w.log, r); err != nil {
		return 0, err
	}
	answered := time.Now()
	for _, g := range guards {
		for {
			if _, err := g.Check(ctx, raw); errors.Is(err, guard.ErrRevoked) {
				break
			}
			if time.Since(answered) > patience {
				return 0, errors.New("an edge does not refuse")
			}
			runtime.Gosched()
		}
	}
	return time.Since(answered), nil
}

func reachConsumers(ctx context.Context, w *world, n int) (took []time.Duration, err error) {
	var delivered atomic.Int64
	for range edges {
		nc, err := w.connect()
		if err != nil {
			return nil, err
		}
		js, err := jetstream.New(nc)
		if err != nil {
			return nil, err
		}
		cons, err := js.OrderedConsumer(ctx, events.Subjects{Region: "local"}.Stream(), jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverNewPolicy, FilterSubjects: []string{events.Subjects{Region: "local"}.Revocations()},
		})
		if err != nil {
			return nil, err
		}
		consuming, err := cons.Consume(func(jetstream.Msg) { delivered.Add(1) })
		if err != nil {
			return nil, err
		}
		w.ends = append(w.ends, consuming.Stop)
	}
	for i := range n {
		if _, err := events.Publish(ctx, w.log, revocation()); err != nil {
			return nil, err
		}
		answered := time.Now()
		for want := int64(i+1) * edges; delivered.Load() < want; runtime.Gosched() {
			if time.Since(answered) > patience {
				return nil, errors.New("a consumer gets nothing")
			}
		}
		took = append(took, time.Since(answered))
	}
	return took, nil
}
