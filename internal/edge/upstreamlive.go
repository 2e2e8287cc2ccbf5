package edge

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/curfew-auth/curfew/guard"
)

// overtime is how long an ordinary request may go on after its token expired.
// Its client has no way to show a newer one; but an endless answer must end.
const overtime = 10 * time.Minute

// errStopping: the edge stops.
var errStopping = errors.New("edge: stopping")

// watch ends a request whose token ends: see guard.CheckLive. It begins after
// B/4, which few requests live to see; the others cost a timer. What was revoked
// until then is found then, well within B.
func (u *upstream) watch(ctx context.Context, end context.CancelCauseFunc, p *passage) (stop func() bool) {
	return time.AfterFunc(u.bound()/4, func() {
		err := u.follow(ctx, p)
		if errors.Is(err, guard.ErrExpired) {
			p.workOn(ctx)
		}
		end(err) // of one that is over it changes nothing
		p.client.interrupt()
	}).Stop
}

// workOn waits for the end of overtime, which an answer without an end does not
// get, even if it begins only now.
func (p *passage) workOn(ctx context.Context) {
	timer := time.NewTimer(overtime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-p.lasting:
	}
}

// follow returns when the request must end, and says why.
func (u *upstream) follow(ctx context.Context, p *passage) error {
	live, err := u.join(ctx, p.admission)
	if err != nil {
		return err
	}
	select {
	case <-live.Done():
	case <-u.ending:
		select {
		case <-p.lasting:
			return errStopping
		case <-live.Done(): // the others may finish
		}
	}
	return context.Cause(live)
}

// join begins to watch the token. It is as patient as guard.CheckLive is later:
// an edge that knows nothing at the moment ends no request for B.
func (u *upstream) join(ctx context.Context, a *admission) (live context.Context, err error) {
	for began := time.Now(); ; wait(ctx, u.bound()/4) {
		live, _, err = u.live(ctx, a.raw, a.mode)
		if !errors.Is(err, guard.ErrUnknown) || ctx.Err() != nil || time.Since(began) > u.bound() {
			return live, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// hasNoEnd is true of a stream of events and of another protocol, such as
// WebSocket.
func hasNoEnd(res *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return res.StatusCode == http.StatusSwitchingProtocols || kind == "text/event-stream"
}
