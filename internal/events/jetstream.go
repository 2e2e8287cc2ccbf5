package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// JetStream is the Log on a NATS JetStream stream.
type JetStream struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	subjects Subjects
	standIns string // the subject of their beats
	api      string // what the subjects of JetStream's API begin with
	replicas int
	stream   atomic.Pointer[jetstream.Stream]
	last     atomic.Pointer[jetstream.StreamInfo]
	unbound  atomic.Uint64 // attempts to bind in a row that took too long
}

// NewJetStream uses the stream of one region. Replicas counts only when
// Ensure creates the stream: 1 or, in a cluster, 3.
func NewJetStream(nc *nats.Conn, region string, replicas int) (*JetStream, error) {
	return NewJetStreamAt(nc, DefaultAPI, region, replicas)
}

// DefaultAPI is what the subjects of JetStream's API begin with.
const DefaultAPI = "$JS.API"

// NewJetStreamAt is NewJetStream for a stream of another account, whose API is
// imported under a prefix; empty is [DefaultAPI].
func NewJetStreamAt(nc *nats.Conn, api, region string, replicas int) (*JetStream, error) {
	api = cmp.Or(api, DefaultAPI)
	js, err := jetstream.NewWithAPIPrefix(nc, api, jetstream.WithDefaultTimeout(apiPatience))
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	subjects := Subjects{region}
	return &JetStream{nc: nc, js: js, subjects: subjects, standIns: subjects.StandIns(), api: api, replicas: replicas}, nil
}

// The limits of the stream. A revocation takes a kilobyte or two; an edge has one
// consumer, and an issuer three.
const (
	maxMessage   = 64 << 10
	maxConsumers = 20_000
)

// apiPatience bounds a request that nothing else does. Without a leader nobody
// answers one, also when there is a leader a moment later.
const apiPatience = 2 * time.Second

// Ensure implements Log. Of an existing stream it only adds what is missing to its
// subjects and sets the size of messages: its operator may have changed its
// replicas or its placement.
func (l *JetStream) Ensure(ctx context.Context) error {
	_, err := l.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        l.subjects.Stream(),
		Description: "Curfew: revocations and beats",
		Subjects:    l.subjects.log(),
		Storage:     jetstream.FileStorage,
		Replicas:    l.replicas,
		Discard:     jetstream.DiscardNew,
		AllowMsgTTL: true,
		AllowDirect: false, // a direct get may be answered by a lagging replica

		MaxMsgSize: maxMessage, MaxConsumers: maxConsumers,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		err = l.update(ctx)
	}
	if err != nil {
		return wrapJetStream("create stream", err)
	}
	if err := l.ensureStandIns(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNoStandIns, err)
	}
	return nil
}

// update brings a stream up to date that an older version has made.
func (l *JetStream) update(ctx context.Context) error {
	s, err := l.js.Stream(ctx, l.subjects.Stream())
	if err != nil {
		return err
	}
	cfg := s.CachedInfo().Config
	missing := slices.DeleteFunc(l.subjects.log(), func(subject string) bool { return slices.Contains(cfg.Subjects, subject) })
	if len(missing) == 0 && cfg.MaxMsgSize > 0 {
		return nil
	}
	cfg.Subjects = append(cfg.Subjects, missing...)
	if cfg.MaxMsgSize <= 0 {
		cfg.MaxMsgSize = maxMessage
	}
	_, err = l.js.UpdateStream(ctx, cfg)
	return err
}

// Append implements Log. It sets no message id: the server would drop a refill
// as a duplicate of the message that was lost.
func (l *JetStream) Append(ctx context.Context, r Record) (uint64, error) {
	standIn := r.Kind == KindBeat && r.StandIn
	subject := l.subjects.of(r)
	if standIn {
		subject = l.subjects.StandIn()
	}
	msg := nats.NewMsg(subject)
	msg.Data = r.Data
	msg.Header.Set(formatHeader, format)
	if r.Mark != "" {
		msg.Header.Set(markHeader, r.Mark)
	}
	if standIn {
		return l.appendStandIn(ctx, msg)
	}
	ctx, end := publishing(ctx, msg)
	defer end()
	ack, err := l.js.PublishMsg(ctx, msg,
		jetstream.WithExpectStream(l.subjects.Stream()),
		jetstream.WithMsgTTL(max(r.TTL, time.Second).Round(time.Second)),
		jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, wrapJetStream("append", err)
	}
	return ack.Sequence, nil
}

// State implements Log.
func (l *JetStream) State(ctx context.Context) (State, error) {
	stream, err := l.handle(ctx)
	if err != nil {
		return State{}, wrapJetStream("state", err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(l.subjects.Revocations()))
	if err != nil {
		return State{}, wrapJetStream("state", err)
	}
	l.last.Store(info)
	state := State{Epoch: epochOf(info), LastSeq: info.State.LastSeq, Now: info.TimeStamp}
	for _, n := range info.State.Subjects {
		state.Revocations += n
	}
	return state, nil
}

// Drop implements Log.
func (l *JetStream) Drop(ctx context.Context, seq uint64) error {
	stream, err := l.handle(ctx)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(l.subjects.Revocations()), jetstream.WithPurgeSequence(seq+1))
	}
	return wrapJetStream("drop", err)
}

// handle returns a handle on the stream's name; it outlives the stream.
func (l *JetStream) handle(ctx context.Context) (jetstream.Stream, error) {
	if s := l.stream.Load(); s != nil {
		return *s, nil
	}
	s, err := l.js.Stream(ctx, l.subjects.Stream())
	if err == nil {
		l.stream.Store(&s)
	}
	return s, err
}

// epochOf names one incarnation of a stream. The server keeps the creation
// time across restarts and takes a new one when the stream is made anew.
func epochOf(info *jetstream.StreamInfo) string {
	return info.Created.UTC().Format(time.RFC3339Nano)
}

func wrapJetStream(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("events: %s: %w: %w", what, ErrNoLog, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("events: %s: %w", what, err)
	}
	return fmt.Errorf("events: %s: %w: %w", what, ErrUnavailable, plain(err))
}
