package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The limits of the stream through which edges write. They bound what whoever has an
// edge's password can put into the log within standInAge: as much as the edges of a
// large fleet need when no issuer lives.
const (
	standInAge     = time.Second
	standInBeats   = 128
	standInBytes   = 256 << 10
	standInMessage = 48 << 10
)

// ErrNoStandIns: edges cannot stand in for issuers that are gone.
var ErrNoStandIns = errors.New("events: no stream for the beats of edges")

// ensureStandIns creates the stream that takes the beats of edges and passes them on
// into the log. Edges so write into the log without a right to do so, no more than
// the stream takes, and no message without a header: one with neither data nor header
// ends every reading that comes through an account's import. In the log they stay until
// an issuer sweeps them out.
func (l *JetStream) ensureStandIns(ctx context.Context) error {
	_, err := l.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        l.subjects.StandInStream(),
		Description: "Curfew: beats of edges on their way into the log",
		Subjects:    []string{l.subjects.StandIn()},
		RePublish:   &jetstream.RePublish{Source: l.subjects.StandIn(), Destination: l.subjects.StandIns()},
		Storage:     jetstream.FileStorage,
		Replicas:    l.replicas,
		Discard:     jetstream.DiscardNew,
		AllowMsgTTL: false, // one that says "never" would not go with its age, and many would fill the stream for good
		MaxAge:      standInAge, MaxMsgs: standInBeats, MaxBytes: standInBytes, MaxMsgSize: standInMessage,
		MaxConsumers: 1,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		err = nil // with what its operator has changed
	}
	return wrapJetStream("create the stream of edges' beats", err)
}

// appendStandIn is Append for a beat of an edge: the stream of those has acknowledged
// it, and it has come into the log.
func (l *JetStream) appendStandIn(ctx context.Context, msg *nats.Msg) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, apiPatience)
	defer cancel()
	stream, err := l.handle(ctx)
	if err != nil {
		return 0, wrapJetStream("append", err)
	}
	behind, err := stream.GetLastMsgForSubject(ctx, l.standIns)
	after := uint64(0)
	switch {
	case err == nil:
		after = behind.Sequence
	case !errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, wrapJetStream("append", err)
	}
	// What is asked of a stream stands in the header, and would be asked of the log.
	if _, err := l.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0)); err != nil {
		return 0, wrapJetStream("append", err)
	}
	for pause := NewBackOff(time.Millisecond, 50*time.Millisecond); ; {
		m, err := stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(l.standIns))
		switch {
		case err == nil && bytes.Equal(m.Data, msg.Data):
			return m.Sequence, nil
		case err == nil:
			after = m.Sequence // another edge's
		case !errors.Is(err, jetstream.ErrMsgNotFound):
			return 0, wrapJetStream("append", err)
		case !Sleep(ctx, pause.NextBackOff()):
			return 0, fmt.Errorf("events: append: %w: the beat has not come into the log", ErrUnavailable)
		}
	}
}

// Sweep implements Log.
func (l *JetStream) Sweep(ctx context.Context, seq uint64) error {
	stream, err := l.handle(ctx)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(l.standIns), jetstream.WithPurgeSequence(seq+1))
	}
	return wrapJetStream("sweep", err)
}
