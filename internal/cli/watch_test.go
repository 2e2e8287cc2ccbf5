package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/cli"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A running command that goes on until it is stopped. Whatever it says is read
// at once: it may say something on one stream while the test waits for the other.
type running struct {
	t           *testing.T
	out, errors <-chan string // lines
	stop        context.CancelFunc
	done        chan error
}

// start runs a command whose output is read while it runs.
func (s *shell) start(args ...string) *running {
	s.t.Helper()
	root := &cobra.Command{Use: "curfew", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(cli.Commands("test")...)
	outR, outW := io.Pipe()
	errR, errW := io.Pipe()
	root.SetIn(strings.NewReader(""))
	root.SetOut(outW)
	root.SetErr(errW)
	root.SetArgs(args)
	ctx, stop := context.WithTimeout(s.t.Context(), time.Minute) // against hangs
	r := &running{s.t, linesOf(outR), linesOf(errR), stop, make(chan error, 1)}
	go func() {
		err := root.ExecuteContext(ctx)
		outW.Close()
		errW.Close()
		r.done <- err
	}()
	s.t.Cleanup(stop)
	return r
}

// linesOf reads to the end, whether anybody wants the lines or not.
func linesOf(stream io.Reader) <-chan string {
	lines := make(chan string, 10_000)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(stream); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	return lines
}

func (r *running) line(of <-chan string) string {
	r.t.Helper()
	line, more := <-of
	if !more {
		r.t.Fatalf("it ended: %v", <-r.done)
	}
	return line
}

func (r *running) ends() {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("it ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		r.t.Error("it does not end")
	}
}

type watched struct {
	ID, Event string
	Data      struct {
		Kind   string
		Tenant string
		UserID string `json:"user_id"`
	}
}

func (r *running) event() (e watched) {
	r.t.Helper()
	testenv.Must(r.t, json.Unmarshal([]byte(r.line(r.out)), &e))
	return e
}

// TestWatch shows the events that the filter lets through, and when the
// connection breaks, every one once: also what happened meanwhile.
func TestWatch(t *testing.T) {
	s := newShell(t)
	between := testenv.Proxy(t, strings.TrimPrefix(s.cluster.IssuerURL, "http://"))
	t.Setenv("CURFEW_ISSUER_URL", "http://"+between.Addr())
	w := s.start("watch", "-o", "json", "--user", "u-watch", "--kind", "login,logout")
	if text := w.line(w.errors); !strings.Contains(text, "following") {
		t.Errorf("it says %q", text)
	}
	s.open("u-other", "")
	s.open("u-watch", "t-before")
	if e := w.event(); e.Data.Tenant != "t-before" || e.Data.UserID != "u-watch" || e.Event != "login" || e.Data.Kind != "login" {
		t.Errorf("it shows %+v", e)
	}

	between.Cut()
	if text := w.line(w.errors); !strings.Contains(text, "connecting again") {
		t.Errorf("it says %q", text)
	}
	s.open("u-watch", "t-while-cut")
	s.open("u-other", "")
	testenv.Must(t, between.Heal())
	if text := w.line(w.errors); !strings.Contains(text, "connected again") {
		t.Errorf("it says %q", text)
	}
	s.open("u-watch", "t-after")
	first, second := w.event(), w.event()
	if first.Data.Tenant != "t-while-cut" || second.Data.Tenant != "t-after" || second.Data.UserID != "u-watch" {
		t.Errorf("%+v, then %+v", first, second)
	}
	w.ends()

	again := s.start("watch", "--after", first.ID, "--user", "u-watch", "--kind", "login")
	again.line(again.errors)
	if text := again.line(again.out); !strings.Contains(text, "tenant=t-after  user=u-watch") {
		t.Errorf("it says %q", text)
	}
	again.ends()
}

// TestWatchRefused: what cannot get better ends at once.
func TestWatchRefused(t *testing.T) {
	s := newShell(t)
	s.run("watch", "--kind", "nonsense").exits(1).says("bad_request")
	t.Setenv("CURFEW_ADMIN_TOKEN", "a-wrong-token-of-nobody")
	s.run("watch").exits(1).says("unauthorized")
	t.Setenv("CURFEW_ADMIN_TOKEN", "")
	s.run("watch").exits(2)
}
