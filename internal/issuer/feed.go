package issuer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
)

// reconnect is how long clients are told to wait before they come back, in ms.
const reconnect = 2000

// errTail: the tail broke, and the reader did not.
var errTail = errors.New("issuer: the tail ended")

// A feed is one stream of events to one reader. It is for one goroutine, which
// blocks while the reader does not read; the connection's deadline ends that.
type feed struct {
	issuer *Issuer
	who    identity
	filter audit.Filter
	tail   *audit.Tail
	conn   net.Conn
	out    *bufio.Writer
	due    time.Time // when the next heartbeat is
}

// run ends with ctx, with the reader, or with the right to read. While the
// trail cannot be read it goes on, and says nothing but heartbeats: a browser
// that got an error instead would not come back.
func (f *feed) run(ctx context.Context) {
	defer func() { f.tail.Close() }()
	f.due = time.Now().Add(f.interval())
	err := f.send("retry: %d\n", reconnect)
	for err == nil {
		if err = f.open(); err == nil {
			err = f.pass(ctx)
		}
		if errors.Is(err, errTail) {
			err = f.reopen(ctx)
		}
	}
}

// open says where the stream begins, and what is missing before that.
func (f *feed) open() error {
	if f.tail.Gap == "" {
		return f.send("id: %s\n\n", f.tail.Position())
	}
	return f.send("id: %s\nevent: gap\ndata: {\"reason\":%q}\n\n", f.tail.Position(), f.tail.Gap)
}

// pass sends events until the tail, the reader or ctx ends.
func (f *feed) pass(ctx context.Context) error {
	for {
		rec, err := f.next(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			err = f.beat(ctx)
		case err != nil:
			return errTail
		default:
			err = f.event(rec)
		}
		if err != nil {
			return err
		}
	}
}

func (f *feed) next(ctx context.Context) (audit.Record, error) {
	ctx, cancel := context.WithDeadline(ctx, f.due)
	defer cancel()
	return f.tail.Next(ctx)
}

func (f *feed) event(rec audit.Record) error {
	data, err := json.Marshal(rec) // one line
	if err != nil {
		return err
	}
	return f.send("id: %s\nevent: %s\ndata: %s\n\n", rec.Position, rec.Kind, data)
}

// beat shows the reader, and what stands between, that the stream lives. The
// id spares who reconnects what was read for nothing.
func (f *feed) beat(ctx context.Context) error {
	f.due = time.Now().Add(f.interval())
	if err := f.issuer.stillAdmin(ctx, f.who); err != nil {
		return err
	}
	return f.send(":\nid: %s\n\n", f.tail.Position())
}

// interval is that of heartbeats. A user's token is looked at again with each,
// and may not be believed for longer than anywhere else.
func (f *feed) interval() time.Duration {
	if f.who.claims == nil {
		return f.issuer.streams.heartbeat
	}
	return min(f.issuer.streams.heartbeat, f.issuer.config.Staleness)
}

func (f *feed) send(format string, args ...any) error {
	if err := f.conn.SetWriteDeadline(time.Now().Add(f.issuer.streams.patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f.out, format, args...); err != nil {
		return err
	}
	return f.out.Flush()
}

// reopen tries until there is a tail again.
func (f *feed) reopen(ctx context.Context) error {
	at := f.tail.Position()
	for pause := events.NewBackOff(100*time.Millisecond, 5*time.Second); ; {
		tail, err := f.issuer.openTail(ctx, at, f.filter)
		if err == nil {
			f.tail.Close()
			f.tail = tail
			return nil
		}
		if !events.Sleep(ctx, pause.NextBackOff()) {
			return ctx.Err()
		}
		if time.Now().After(f.due) {
			if err := f.beat(ctx); err != nil {
				return err
			}
		}
	}
}

// stillAdmin returns nil while the admin may read on: the tokens of the
// configuration as long as the process lives, a user's as long as it is good.
func (i *Issuer) stillAdmin(ctx context.Context, who identity) error {
	if who.claims == nil {
		return nil
	}
	if !time.Now().Before(who.claims.ExpiresAt) {
		return front.Unauthorized()
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return i.alive(ctx, *who.claims)
}
