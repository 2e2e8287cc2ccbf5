package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	followHeartbeat = time.Second      // two of silence: the follow ends
	followBatch     = 8192             // messages asked for ahead
	followExpires   = 30 * time.Second // then an unanswered pull is asked anew
	followIdle      = 30 * time.Second // the server then drops an abandoned consumer
)

// A puller asks a consumer for messages, a batch ahead, and hands them over one
// by one. The client library's iterator does that too, but sets a timer and
// makes three objects for every message, which took a third of the replay of a
// long log, and asks again after a reconnect without a word: this one ends.
//
// It is used by one goroutine.
type puller struct {
	nc         *nats.Conn
	subject    string // of the consumer, for pulls
	sub        *nats.Subscription
	msgs       chan *nats.Msg // has room for all that is open; what finds none is lost, and missed by the caller
	reconnects chan nats.Status
	silence    *time.Timer
	open       int // messages asked for that have not come
}

func newPuller(nc *nats.Conn, api, stream, consumer string) (*puller, error) {
	const status = 64 // room for what is not a message
	p := &puller{
		nc:      nc,
		subject: api + ".CONSUMER.MSG.NEXT." + stream + "." + consumer,
		msgs:    make(chan *nats.Msg, followBatch+status),
		silence: time.NewTimer(2 * followHeartbeat),
	}
	var err error
	if p.sub, err = nc.ChanSubscribe(nc.NewInbox(), p.msgs); err != nil {
		return nil, err
	}
	p.reconnects = nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	return p, nil
}

func (p *puller) close() {
	p.silence.Stop()
	p.nc.RemoveStatusListener(p.reconnects)
	_ = p.sub.Unsubscribe() // fails only if it is gone already
}

// next returns the next message. It fails on everything that may mean that
// messages were lost, or will not come.
func (p *puller) next(ctx context.Context) (*nats.Msg, error) {
	for {
		if err := p.pull(); err != nil {
			return nil, err
		}
		msg, err := p.receive(ctx)
		if err != nil {
			return nil, err
		}
		if !isStatus(msg) {
			p.open--
			return msg, nil
		}
		if err := p.note(msg); err != nil {
			return nil, err
		}
	}
}

// pull asks for more when half of what was asked for has come.
func (p *puller) pull() error {
	if p.open > followBatch/2 {
		return nil
	}
	request, err := json.Marshal(struct {
		Batch     int           `json:"batch"`
		Expires   time.Duration `json:"expires"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{followBatch - p.open, followExpires, followHeartbeat})
	if err != nil {
		return err
	}
	p.open = followBatch
	return p.nc.PublishRequest(p.subject, p.sub.Subject, request)
}

var (
	errSilence     = errors.New("no heartbeat")
	errReconnected = errors.New("the connection was lost meanwhile")
)

// receive waits for the next message or status. It fails after a silence, but
// while disconnected it waits for as long as that takes.
func (p *puller) receive(ctx context.Context) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case msg := <-p.msgs:
		return msg, nil
	default: // the usual case once the log has been read: set the timer
	}
	for {
		p.silence.Reset(2 * followHeartbeat)
		select {
		case msg := <-p.msgs:
			return msg, nil
		case <-p.silence.C:
			if p.nc.IsConnected() {
				return nil, errSilence
			}
		case <-p.reconnects:
			return nil, errReconnected
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// isStatus tells what the server says about a pull from what the stream holds. The
// latter is to be acknowledged on a subject of the server's, and may bear whatever
// header its writer likes.
func isStatus(msg *nats.Msg) bool {
	return len(msg.Data) == 0 && msg.Header.Get("Status") != "" && !strings.HasPrefix(msg.Reply, "$JS.ACK.")
}

// note takes a status: nothing is wrong with a heartbeat, nor with a pull that
// has expired.
func (p *puller) note(msg *nats.Msg) error {
	switch status := msg.Header.Get("Status"); status {
	case "100":
		return nil
	case "408":
		left, err := strconv.Atoi(msg.Header.Get("Nats-Pending-Messages"))
		if err != nil {
			left = p.open
		}
		p.open -= min(left, p.open)
		return nil
	default:
		return fmt.Errorf("the consumer answers %s %s", status, msg.Header.Get("Description"))
	}
}
