package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/curfew-auth/curfew/internal/events"
)

var errMoved = errors.New("fleet: answered on another connection than the edge was announced on")

// Announced makes an exchange that an edge may become fresh by: the issuers
// hear of the edge before it asks. An issuer takes an edge that it has not
// heard of for one that cannot be fresh.
type Announced struct {
	events.Exchange
	Reporter *Reporter
}

// Ask implements [events.Exchange]. The answer counts only if the report before
// the question went over the connection that is still there after the answer:
// on one connection the server gets the report first, and a report that was
// written to a connection that broke may have been lost.
func (a Announced) Ask(ctx context.Context, q events.Question) (events.Answer, error) {
	on, err := a.Reporter.Announce()
	if err != nil {
		return events.Answer{}, fmt.Errorf("fleet: not announced, so nobody is asked: %w", err)
	}
	answer, err := a.Exchange.Ask(ctx, q)
	if err == nil && a.Reporter.Conn.Stats().Reconnects != on {
		return events.Answer{}, errMoved
	}
	return answer, err
}

// AskEdges implements [events.Exchange]: an edge may become fresh by another's word too,
// and issuers may be there that hear reports and do not answer yet. What reaches edges
// came over the connection behind the report.
func (a Announced) AskEdges(ctx context.Context, q events.Question) error {
	on, err := a.Reporter.Announce()
	if err != nil {
		return fmt.Errorf("fleet: not announced, so nobody is asked: %w", err)
	}
	err = a.Exchange.AskEdges(ctx, q)
	if err == nil && a.Reporter.Conn.Stats().Reconnects != on {
		return errMoved
	}
	return err
}

// Announce reports unless that was done lately on this connection, and returns
// which connection that is. "Lately" is by a clock that counts time asleep: an
// edge that slept for long, and whose connection survived, is no longer listed.
func (r *Reporter) Announce() (connection uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	on := r.Conn.Stats().Reconnects
	if r.announced && r.on == on && r.Elapsed()-r.at < interval {
		return on, nil
	}
	err = r.send(false)
	return r.on, err
}
