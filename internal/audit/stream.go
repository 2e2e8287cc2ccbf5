package audit

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/events"
)

func noStream(err error) bool { return errors.Is(err, jetstream.ErrNoStreamResponse) }

func (t *Trail) create(ctx context.Context) error {
	_, err := t.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        t.subjects.AuditStream(),
		Description: "Curfew: what happened to sessions",
		Subjects:    []string{t.subjects.Session("*")},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		Replicas:    t.config.Replicas,
		MaxAge:      t.config.MaxAge,
		MaxBytes:    t.maxBytes(),
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil
	}
	return err
}

// maxBytes in the server's terms.
func (t *Trail) maxBytes() int64 {
	if t.config.MaxBytes <= 0 {
		return -1
	}
	return t.config.MaxBytes
}

// retain brings the stream's retention to what is configured. It tries until
// it has done so or ctx ends, and says once that it cannot: events are
// published all the same.
func (t *Trail) retain(ctx context.Context) {
	complained := false
	for pause := events.NewBackOff(250*time.Millisecond, time.Minute); ; {
		err := t.applyRetention(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !complained {
			complained = true
			t.slog.Warn("cannot set the audit stream's retention yet, it stays as it was", "error", err)
		}
		if !events.Sleep(ctx, pause.NextBackOff()) {
			return
		}
	}
}

// applyRetention changes nothing of an existing stream but its retention: the
// operator may have chosen the rest.
func (t *Trail) applyRetention(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, oneTimeout)
	defer cancel()
	stream, err := t.js.Stream(ctx, t.subjects.AuditStream())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return t.create(ctx)
	}
	if err != nil {
		return err
	}
	c := stream.CachedInfo().Config
	if c.MaxAge == t.config.MaxAge && c.MaxBytes == t.maxBytes() {
		return nil
	}
	c.MaxAge, c.MaxBytes = t.config.MaxAge, t.maxBytes()
	if _, err := t.js.UpdateStream(ctx, c); err != nil {
		return err
	}
	t.slog.Info("audit stream's retention changed", "max_age", c.MaxAge, "max_bytes", t.config.MaxBytes)
	return nil
}
