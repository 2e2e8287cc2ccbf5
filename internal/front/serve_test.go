package front_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func listen(t *testing.T) net.Listener {
	t.Helper()
	ceiling.Of(t, time.Minute)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// serve serves app until the test ends and returns its address.
func serve(t *testing.T, app *fiber.App) string {
	t.Helper()
	ln := listen(t)
	start(t, app, ln, 5*time.Second)
	return ln.Addr().String()
}

// start serves in the background. stop ends it and returns what Serve did.
func start(t *testing.T, app *fiber.App, ln net.Listener, drain time.Duration) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- front.Serve(ctx, app, ln, front.Shield{}, front.NewDrain(0, drain)); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return func() error { cancel(); return <-done }
}

func TestServeDrains(t *testing.T) {
	app, _ := newApp(io.Discard)
	entered, release := make(chan struct{}), make(chan struct{})
	app.Get("/slow", func(c *fiber.Ctx) error { close(entered); <-release; return c.SendString("done") })
	ln := listen(t)
	stop := start(t, app, ln, time.Minute)
	answer := make(chan string, 1)
	go func() { answer <- get("http://" + ln.Addr().String() + "/slow") }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for refused := false; !refused; { // until the listener is closed
		conn, err := net.Dial("tcp", ln.Addr().String())
		if refused = err != nil; !refused {
			conn.Close()
		}
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("running request got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func get(url string) string {
	res, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(res.Body)
	return string(data)
}

func TestServeCutsWhatDoesNotFinish(t *testing.T) {
	app, _ := newApp(io.Discard)
	ln := listen(t)
	stop := start(t, app, ln, time.Millisecond)
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// An answered request proves that the server has the connection; the
	// half request after it keeps it busy.
	if _, err := io.WriteString(conn, "GET /x HTTP/1.1\r\nHost: x\r\n\r\nGET /y HT"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connection still open: %v", err)
	}
}

func TestServeReportsAStuckHandler(t *testing.T) {
	app, _ := newApp(io.Discard)
	entered, release := make(chan struct{}), make(chan struct{})
	app.Get("/", func(c *fiber.Ctx) error { close(entered); <-release; return nil })
	ln := listen(t)
	stop := start(t, app, ln, time.Millisecond)
	answered := make(chan string, 1)
	go func() { answered <- get("http://" + ln.Addr().String() + "/") }()
	<-entered
	if err := stop(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Serve: %v", err)
	}
	<-answered // the connection was cut although the handler hangs
	close(release)
}

func TestServeWithEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	app, _ := newApp(io.Discard)
	ln := listen(t)
	if err := front.Serve(ctx, app, ln, front.Shield{}, front.NewDrain(0, time.Second)); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("still listening")
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	app, _ := newApp(io.Discard)
	ln := listen(t)
	ln.Close()
	if err := front.Serve(t.Context(), app, ln, front.Shield{}, front.NewDrain(0, time.Second)); err == nil {
		t.Error("no error")
	}
}

// short is a listener whose first accepts fail for lack of descriptors.
type short struct {
	net.Listener
	failures int
}

func (s *short) Accept() (net.Conn, error) {
	if s.failures > 0 {
		s.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

func TestServeSurvivesShortageOfDescriptors(t *testing.T) {
	app, _ := newApp(io.Discard)
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("up") })
	ln := listen(t)
	start(t, app, &short{ln, 3}, time.Second)
	if got := get("http://" + ln.Addr().String() + "/"); got != "up" {
		t.Error(got)
	}
}

// synctest fails if a goroutine is left when the bubble ends.
func TestServeLeavesNoGoroutine(t *testing.T) {
	startDates(t)
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp(io.Discard)
		app.Get("/", func(c *fiber.Ctx) error { return c.SendString("up") })
		ln := fasthttputil.NewInmemoryListener()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- front.Serve(ctx, app, ln, front.Shield{}, front.NewDrain(0, time.Minute)) }()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return ln.Dial() }}
		res, err := (&http.Client{Transport: transport}).Get("http://in.memory/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		transport.CloseIdleConnections()
		<-time.After(time.Minute) // of the bubble's clock: fasthttp's cleaner looks every 10 s whether it may go
	})
}
