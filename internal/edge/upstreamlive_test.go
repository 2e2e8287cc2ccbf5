package edge

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
)

// endWith makes tokens end when the test says so.
func (g *gate) endWith() (end context.CancelCauseFunc) {
	var tokens context.Context
	tokens, end = context.WithCancelCause(context.Background())
	g.live = func(ctx context.Context, _ string, _ guard.Mode) (context.Context, context.CancelFunc, error) {
		live, cancel := context.WithCancelCause(ctx)
		context.AfterFunc(tokens, func() { cancel(context.Cause(tokens)) })
		return live, func() { cancel(nil) }, nil
	}
	return end
}

// A client that reads nothing cannot hold on to a token that has ended.
func TestTheEndDoesNotWaitForTheClient(t *testing.T) {
	stuck, over := make(chan struct{}), make(chan struct{})
	g := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
		for block, err := make([]byte, 1<<20), error(nil); err == nil; {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			_, err = w.Write(block)
		}
		close(stuck) // all buffers are full
		<-r.Context().Done()
		close(over)
	}, func(c *config.Edge) { c.Staleness = 10 * time.Millisecond })
	end := g.endWith()
	_, _ = io.WriteString(dialGate(t, g), "GET / HTTP/1.1\r\nHost: api\r\n\r\n")
	must(t, "a full line", stuck)
	end(guard.ErrRevoked)
	must(t, "the end", over)
	for began := time.Now(); !strings.Contains(g.counted(t), "GET"); time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatal("the edge still waits for its client")
		}
	}
}

// Nor one that sends nothing. The answer has not begun: it says why.
func TestTheEndDoesNotWaitForTheBody(t *testing.T) {
	g := serveWith(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) },
		func(c *config.Edge) { c.Staleness = 10 * time.Millisecond })
	end := g.endWith()
	conn := dialGate(t, g)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 100\r\n\r\nsome")
	end(guard.ErrRevoked)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("%v, %v", res, err)
	}
}

// A token that expires ends a stream, also one that begins only then, but not an
// ordinary answer.
func TestExpiryEndsWhatLasts(t *testing.T) {
	for _, c := range []struct {
		kind     string
		late     bool // the answer begins when the token has expired
		finishes bool
	}{
		{"text/event-stream; charset=utf-8", false, false}, {"text/event-stream", true, false},
		{"application/json", false, true}, {"application/json", true, true},
	} {
		begun, asked, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
		g := serveWith(t, func(w http.ResponseWriter, r *http.Request) {
			if c.late {
				<-asked
			}
			w.Header().Set("Content-Type", c.kind)
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-release:
				_, _ = io.WriteString(w, " and ended")
			case <-r.Context().Done():
			}
		}, func(c *config.Edge) { c.Staleness = 10 * time.Millisecond })
		g.live = func(ctx context.Context, _ string, _ guard.Mode) (context.Context, context.CancelFunc, error) {
			close(asked)
			if !c.late {
				<-begun
			}
			return nil, nil, guard.ErrExpired
		}
		body := g.get(t, func() {
			close(begun)
			if c.finishes {
				close(release)
			}
		})
		if whole := body == "begun and ended"; whole != c.finishes {
			t.Errorf("%+v: %q", c, body)
		}
	}
}

// get reads an answer, or what comes of it, and says when it has begun.
func (g *gate) get(t *testing.T, begun func()) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	begun()
	if err != nil {
		return err.Error() // cut off before it was here
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if ctx.Err() != nil {
		t.Errorf("the answer goes on after %v", patience)
	}
	return string(body)
}

// Nor does a stream that begins when the edge stops hold that up.
func TestStoppingEndsWhatBeginsOnlyThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopping := make(chan struct{})
		u := &upstream{ending: stopping, bound: func() time.Duration { return time.Second }, live: func(ctx context.Context, _ string, _ guard.Mode) (context.Context, context.CancelFunc, error) {
			return ctx, func() {}, nil
		}}
		p := &passage{admission: &admission{}, lasting: make(chan struct{})}
		over := make(chan error, 1)
		go func() { over <- u.follow(t.Context(), p) }()
		close(stopping)
		synctest.Wait()
		select {
		case err := <-over:
			t.Fatalf("not even begun, and over: %v", err)
		default:
		}
		close(p.lasting)
		if err := <-over; !errors.Is(err, errStopping) {
			t.Errorf("over with %v", err)
		}
	})
}

// An edge that knows nothing for a while ends no request for that.
func TestShortFaultsEndNothing(t *testing.T) {
	release := make(chan struct{})
	g := serveWith(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, func(c *config.Edge) { c.Staleness = time.Second }) // a machine that does much else may stop for long
	var asked atomic.Int32
	g.live = func(ctx context.Context, _ string, _ guard.Mode) (context.Context, context.CancelFunc, error) {
		if asked.Add(1) == 1 {
			return nil, nil, errors.Join(guard.ErrUnknown)
		}
		close(release) // it asked again
		return ctx, func() {}, nil
	}
	if res := send(t, http.MethodGet, g.url+"/", nil, ""); res.StatusCode != http.StatusOK {
		t.Errorf("%d after %d looks at the token", res.StatusCode, asked.Load())
	}
}
