package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/events"
)

// ErrUnavailable: the trail cannot be read now; a later try may do better.
var ErrUnavailable = errors.New("audit: the trail cannot be read")

// readerIdle is after how long the server drops an abandoned consumer.
const readerIdle = 30 * time.Second

// A Reader reads the trail. Its methods may be called concurrently.
type Reader struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	api      string
	subjects events.Subjects
}

// NewReader makes a reader of a region's trail. It does not wait for NATS. The
// subjects of JetStream's API begin with api; empty is events.DefaultAPI.
func NewReader(nc *nats.Conn, api, region string) (*Reader, error) {
	api = cmp.Or(api, events.DefaultAPI)
	js, err := jetstream.NewWithAPIPrefix(nc, api)
	if err != nil {
		return nil, err
	}
	return &Reader{nc: nc, js: js, api: api, subjects: events.Subjects{Region: region}}, nil
}

// open looks at the stream as it is now.
func (r *Reader) open(ctx context.Context) (jetstream.Stream, *jetstream.StreamInfo, error) {
	if !r.nc.IsConnected() { // do not wait for what cannot come
		return nil, nil, unavailable(nats.ErrDisconnected)
	}
	stream, err := r.js.Stream(ctx, r.subjects.AuditStream())
	if err != nil {
		return nil, nil, unavailable(err)
	}
	return stream, stream.CachedInfo(), nil
}

// consume opens a consumer of the filter's kinds. One that is asked for by a
// sequence belongs to the incarnation of that epoch, or there is an error: a
// consumer does not outlive its stream, so it is enough to look afterwards.
func (r *Reader) consume(ctx context.Context, stream jetstream.Stream, epoch string, c jetstream.ConsumerConfig, f Filter) (jetstream.Consumer, error) {
	for _, kind := range f.Kinds {
		c.FilterSubjects = append(c.FilterSubjects, r.subjects.Session(kind))
	}
	c.AckPolicy, c.MemoryStorage, c.Replicas, c.InactiveThreshold = jetstream.AckNonePolicy, true, 1, readerIdle
	cons, err := stream.CreateConsumer(ctx, c)
	if err != nil {
		return nil, unavailable(err)
	}
	info, err := stream.Info(ctx)
	if err == nil && epochOf(info) != epoch {
		err = errors.New("the stream was made anew")
	}
	if err != nil {
		r.drop(cons)
		return nil, unavailable(err)
	}
	return cons, nil
}

// drop removes a consumer without waiting for anything that is stuck.
func (r *Reader) drop(cons jetstream.Consumer) {
	if info := cons.CachedInfo(); r.nc.IsConnected() {
		_ = r.nc.Publish(fmt.Sprintf("%s.CONSUMER.DELETE.%s.%s", r.api, info.Stream, info.Name), nil)
	}
}

// decode reads one message. It is not readable if somebody else wrote it.
func (r *Reader) decode(epoch string, raw jetstream.Msg) (rec Record, meta *jetstream.MsgMetadata, readable bool, err error) {
	if meta, err = raw.Metadata(); err != nil {
		return Record{}, nil, false, unavailable(err)
	}
	rec = Record{Position: Position{epoch, meta.Sequence.Stream}, RecordedAt: meta.Timestamp.UTC()}
	readable = json.Unmarshal(raw.Data(), &rec.Event) == nil && raw.Subject() == r.subjects.Session(rec.Kind)
	return rec, meta, readable, nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
