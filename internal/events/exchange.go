package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// An Exchange carries the barrier's question to those who answer it.
type Exchange interface {
	// Ask puts the question to one answerer or, when q.Everyone is set, to
	// all of them, and returns the first good answer. ErrNoAnswerer says
	// that there is none to ask. A [Refusal] says that there is one, who does
	// not answer.
	Ask(ctx context.Context, q Question) (Answer, error)
	// Serve answers questions with answer until stop is called, which lets
	// those that are being answered end. Answer is called in a goroutine of
	// its own for each.
	Serve(ctx context.Context, answer AnswerFunc) (stop func(), err error)

	// AskEdges puts the question to edges that stand in for issuers. They answer
	// in the log alone: a beat's seal names the questions.
	AskEdges(ctx context.Context, q Question) error
	// ServeEdges is Serve for an edge that stands in.
	ServeEdges(ctx context.Context, answer AnswerFunc) (stop func(), err error)
}

// A Question is: how far must I read to know of every revocation that has been
// acknowledged by now?
type Question struct {
	// Nonce is new and random in every question. The beat that answers it
	// commits to it, and so was committed after the question was asked.
	Nonce string `json:"nonce"`
	// Everyone puts it to all answerers, not to one.
	Everyone bool `json:"-"`
	// Missed says that the log, read whole, held other revocations than the
	// last seal counted: the answerer had better count again.
	Missed bool `json:"missed,omitempty"`
}

// An AnswerFunc answers one question, such as [Barrier.Answer].
type AnswerFunc func(context.Context, Question) (Answer, error)

// ErrNoAnswerer: nobody is there to ask how far to read.
var ErrNoAnswerer = errors.New("events: nobody answers")

// answerers is the queue group of those who answer.
const answerers = "curfew"

// NATSExchange is the Exchange over core NATS. A question to one goes through
// a queue group; a question to everyone reaches also those whose share of the
// queue is lost because another member is stuck.
type NATSExchange struct {
	nc       *nats.Conn
	subjects Subjects
}

// NewNATSExchange uses the subjects of one region.
func NewNATSExchange(nc *nats.Conn, region string) *NATSExchange {
	return &NATSExchange{nc: nc, subjects: Subjects{region}}
}

type reply struct {
	Answer
	Refused string `json:"refused,omitempty"`
	By      Role   `json:"by,omitempty"` // of who refuses
}

// Ask implements Exchange.
func (x *NATSExchange) Ask(ctx context.Context, q Question) (Answer, error) {
	data, err := json.Marshal(q)
	if err != nil {
		return Answer{}, err
	}
	subject := x.subjects.Sync()
	if q.Everyone {
		subject = x.subjects.SyncAll()
	}
	inbox := x.nc.NewRespInbox()
	sub, err := x.nc.SubscribeSync(inbox)
	if err != nil {
		return Answer{}, fmt.Errorf("events: ask: %w: %w", ErrUnavailable, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := x.nc.PublishRequest(subject, inbox, data); err != nil {
		return Answer{}, fmt.Errorf("events: ask: %w: %w", ErrUnavailable, plain(err))
	}
	for refused := (*Refusal)(nil); ; {
		a, err := next(ctx, sub)
		again, isRefusal := errors.AsType[*Refusal](err)
		switch {
		case err == nil, !q.Everyone:
			return a, err
		case isRefusal:
			refused = again.orIssuers(refused)
		case refused != nil: // nobody else has answered
			return a, refused
		default:
			return a, err
		}
	}
}

// orIssuers prefers the refusal of an issuer, which shows that there is one.
func (r *Refusal) orIssuers(other *Refusal) *Refusal {
	if other != nil && other.By == RoleIssuer {
		return other
	}
	return r
}

func next(ctx context.Context, sub *nats.Subscription) (Answer, error) {
	msg, err := sub.NextMsgWithContext(ctx)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return Answer{}, ErrNoAnswerer
	case err != nil:
		return Answer{}, fmt.Errorf("events: ask: %w: %w", ErrUnavailable, err)
	}
	var r reply
	if err := json.Unmarshal(msg.Data, &r); err != nil {
		return Answer{}, &Refusal{Err: fmt.Errorf("%w: unreadable answer: %w", ErrUnavailable, err)}
	}
	if r.Refused != "" {
		return Answer{}, &Refusal{r.By, fmt.Errorf("%w: %s", ErrNotAdmitted, r.Refused)}
	}
	return r.Answer, nil
}

// Answerable reports whether a message asks for its answer in an inbox. An answer on
// any other subject would be written by us where the asker may have no right to
// write. The server itself names inboxes of other accounts _R_.
func Answerable(msg *nats.Msg) bool {
	return strings.HasPrefix(msg.Reply, "_INBOX") || strings.HasPrefix(msg.Reply, "_R_.")
}

// Serve implements Exchange.
func (x *NATSExchange) Serve(ctx context.Context, answer AnswerFunc) (func(), error) {
	s := &serving{gone: make(chan struct{}, 2)}
	handle := func(msg *nats.Msg) { s.answering.Go(func() { x.respond(ctx, msg, answer) }) }
	one, err := x.nc.QueueSubscribe(x.subjects.Sync(), answerers, handle)
	if err != nil {
		return nil, fmt.Errorf("events: serve: %w", err)
	}
	all, err := x.nc.Subscribe(x.subjects.SyncAll(), handle)
	if err != nil {
		_ = one.Unsubscribe()
		return nil, fmt.Errorf("events: serve: %w", err)
	}
	s.subs = []*nats.Subscription{one, all}
	return s.drain, nil
}

// AskEdges implements Exchange.
func (x *NATSExchange) AskEdges(_ context.Context, q Question) error {
	data, err := json.Marshal(q)
	if err == nil {
		err = x.nc.Publish(x.subjects.SyncEdges(), data)
	}
	if err != nil {
		return fmt.Errorf("events: ask: %w: %w", ErrUnavailable, err)
	}
	return nil
}

// ServeEdges implements Exchange. It answers no message, only questions: what it is
// asked to reply to may be anything.
func (x *NATSExchange) ServeEdges(ctx context.Context, answer AnswerFunc) (func(), error) {
	s := &serving{gone: make(chan struct{}, 1)}
	sub, err := x.nc.Subscribe(x.subjects.SyncEdges(), func(msg *nats.Msg) {
		s.answering.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, beatTimeout)
			defer cancel()
			_, _ = asked(ctx, msg, answer) // they ask again
		})
	})
	if err != nil {
		return nil, fmt.Errorf("events: serve: %w", err)
	}
	s.subs = []*nats.Subscription{sub}
	return s.drain, nil
}

// asked has a question answered. Whatever a message says, it is one.
func asked(ctx context.Context, msg *nats.Msg, answer AnswerFunc) (Answer, error) {
	var q Question
	_ = json.Unmarshal(msg.Data, &q)
	return answer(ctx, q)
}

// A serving is the ways to be asked, and what is being answered.
type serving struct {
	subs      []*nats.Subscription
	gone      chan struct{} // a value for each of subs that got its last question
	answering sync.WaitGroup
}

// drain leaves the queue group, and lets questions that had reached us be
// answered, for up to beatTimeout.
func (s *serving) drain() {
	limit := time.After(beatTimeout)
	for _, sub := range s.subs {
		sub.SetClosedHandler(func(string) { s.gone <- struct{}{} })
		if sub.Drain() != nil {
			return // closed with its connection
		}
	}
	for range s.subs {
		select {
		case <-s.gone:
		case <-limit:
			return
		}
	}
	s.answering.Wait()
}

func (x *NATSExchange) respond(ctx context.Context, msg *nats.Msg, answer AnswerFunc) {
	if !Answerable(msg) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	a, err := asked(ctx, msg, answer)
	r := reply{Answer: a}
	if err != nil {
		r.Refused = err.Error()
		if refusal, ok := errors.AsType[*Refusal](err); ok {
			r.By = refusal.By
		}
	}
	if data, err := json.Marshal(r); err == nil {
		_ = msg.Respond(data) // the asker asks again
	}
}
