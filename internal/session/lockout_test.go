package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/session"
)

// counting counts the passwords that are checked.
type counting struct {
	session.Authenticator
	checked atomic.Int32
}

func (c *counting) Authenticate(ctx context.Context, with session.Credentials) (session.User, error) {
	c.checked.Add(1)
	return c.Authenticator.Authenticate(ctx, with)
}

// locking returns two issuers on one store, and the count of both.
func locking(t *testing.T, limits session.LoginLimits) (*bench, [2]*session.Service, *counting) {
	b := newBench(t)
	c := config()
	c.Login = limits
	issuers := [2]*session.Service{b.restart(c), b.restart(c)}
	count := &counting{Authenticator: b.Users}
	issuers[0].Users, issuers[1].Users = count, count
	return b, issuers, count
}

func fiveFailures() session.LoginLimits {
	return session.LoginLimits{LockThreshold: 5, LockWindow: time.Minute, LockDuration: 10 * time.Minute}
}

func try(t *testing.T, s *session.Service, username, password, ip string) error {
	t.Helper()
	_, err := s.Login(t.Context(), session.Credentials{Username: username, Password: password, IP: ip, UserAgent: "test/1"})
	return err
}

// Nobody can learn from a lock whether a name exists.
func TestLockout(t *testing.T) {
	b, issuers, count := locking(t, fiveFailures())
	for _, name := range []string{"alice", "nobody"} {
		count.checked.Store(0)
		for n := range 5 {
			wantError(t, name, try(t, issuers[n%2], name, "wrong", "192.0.2.7"), session.ErrInvalidCredentials)
		}
		for n := range 6 {
			err := try(t, issuers[n%2], name, password, "198.51.100.1")
			d, ok := errors.AsType[*session.Delay](err)
			if !ok || !errors.Is(err, session.ErrLocked) || d.After < 9*time.Minute || d.After > 10*time.Minute {
				t.Fatalf("%s: %v, %+v", name, err, d)
			}
		}
		if n := count.checked.Load(); n != 5 {
			t.Errorf("%s: %d passwords were checked", name, n)
		}
		wantError(t, "another spelling", try(t, issuers[0], " "+strings.ToUpper(name), password, ""), session.ErrLocked)
	}
	must(t, try(t, issuers[0], "bob", password, "192.0.2.7"))
	other := session.Credentials{Username: "alice", Password: password, Tenant: "acme"}
	_, err := issuers[0].Login(t.Context(), other)
	wantError(t, "another tenant", err, session.ErrInvalidCredentials)
	checkLockTrail(t, b.trail)
}

// Every checked password is in the trail, and each lock once.
func checkLockTrail(t *testing.T, trail *trail) {
	t.Helper()
	kinds := map[string]int{}
	for _, e := range trail.events {
		kinds[e.Kind+" "+e.Username]++
		if e.Kind != session.EventLogin && (e.Tenant == "" || e.At.IsZero() || e.Reason == "") || strings.Contains(fmt.Sprint(e), "wrong") {
			t.Errorf("trail: %+v", e)
		}
	}
	want := map[string]int{
		"login_failed alice": 6, "locked alice": 1, "login_failed nobody": 5, "locked nobody": 1, "login ": 1,
	}
	if fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("trail: %v, want %v", kinds, want)
	}
	if e := trail.events[0]; e.IP != "192.0.2.7" || e.UserAgent != "test/1" || e.Reason != "invalid_credentials" {
		t.Errorf("trail: %+v", e)
	}
}

func TestParallelGuessesAreBounded(t *testing.T) {
	_, issuers, count := locking(t, fiveFailures())
	count.Authenticator = nobody{} // decides at once: a hash that waits too long for its turn would be no attempt
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			if err := try(t, issuers[n%2], "alice", "wrong", ""); err == nil {
				t.Error("a wrong password was good")
			}
		})
	}
	wg.Wait()
	if n := count.checked.Load(); n != 5 {
		t.Errorf("%d passwords were checked", n)
	}
}

// nobody is an Authenticator that lets nobody in.
type nobody struct{}

func (nobody) Authenticate(context.Context, session.Credentials) (session.User, error) {
	return session.User{}, session.ErrInvalidCredentials
}

// Several devices of one user may sign in at once.
func TestParallelLoginsAreNotRefused(t *testing.T) {
	limits := fiveFailures()
	limits.LockThreshold = 2
	_, issuers, count := locking(t, limits)
	count.Authenticator = everybody{}
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			if err := try(t, issuers[n%2], "alice", password, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestSuccessForgetsFailures(t *testing.T) {
	_, issuers, _ := locking(t, fiveFailures())
	for range 3 {
		for range 4 {
			wantError(t, "wrong", try(t, issuers[0], "alice", "wrong", ""), session.ErrInvalidCredentials)
		}
		must(t, try(t, issuers[1], "alice", password, ""))
	}
}

func TestThrottleByNetwork(t *testing.T) {
	limits := session.LoginLimits{IPLimit: 3, IPWindow: time.Minute}
	_, issuers, count := locking(t, limits)
	for n, ip := range []string{"2001:db8::1", "2001:db8::2:1", "2001:db8::ffff"} {
		wantError(t, ip, try(t, issuers[n%2], fmt.Sprint("user", n), "wrong", ip), session.ErrInvalidCredentials)
	}
	wantError(t, "the same /64", try(t, issuers[0], "alice", password, "2001:db8::3"), session.ErrThrottled)
	must(t, try(t, issuers[0], "alice", password, "2001:db8:0:1::1"))
	for range 10 {
		must(t, try(t, issuers[0], "alice", password, "192.0.2.7")) // successes do not count
	}
	if n := count.checked.Load(); n != 14 {
		t.Errorf("%d passwords were checked", n)
	}
	lifted, err := issuers[0].Unlock(t.Context(), "", "", "2001:db8::9")
	must(t, err)
	if !lifted {
		t.Error("there was nothing to lift")
	}
	must(t, try(t, issuers[1], "alice", password, "2001:db8::3"))
}

func TestUnlock(t *testing.T) {
	_, issuers, _ := locking(t, fiveFailures())
	for range 5 {
		wantError(t, "wrong", try(t, issuers[0], "alice", "wrong", ""), session.ErrInvalidCredentials)
	}
	wantError(t, "locked", try(t, issuers[0], "alice", password, ""), session.ErrLocked)
	lifted, err := issuers[1].Unlock(t.Context(), "", "alice", "")
	must(t, err)
	if !lifted {
		t.Error("there was nothing to lift")
	}
	must(t, try(t, issuers[0], "alice", password, ""))
}

// deaf cannot count what became of an attempt.
type deaf struct{ session.Attempts }

func (deaf) Settle(context.Context, session.Attempt, session.LoginLimits, session.Outcome) (bool, error) {
	return false, session.ErrUnavailable
}

// A guess that cannot be counted is not answered.
func TestNoVerdictWithoutACount(t *testing.T) {
	b, issuers, _ := locking(t, fiveFailures())
	issuers[0].Attempts = deaf{b.Attempts}
	wantError(t, "wrong", try(t, issuers[0], "alice", "wrong", ""), session.ErrUnavailable)
	if err := try(t, issuers[0], "alice", "wrong", ""); errors.Is(err, session.ErrInvalidCredentials) {
		t.Error("the verdict was told")
	}
}

// Hanging up does not save a guess from being counted.
func TestFailureCountsWhenTheCallerIsGone(t *testing.T) {
	_, issuers, count := locking(t, fiveFailures())
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		issuers[0].Users = hangup{count, cancel}
		_, err := issuers[0].Login(ctx, session.Credentials{Username: "alice", Password: "wrong"})
		wantError(t, "wrong", err, session.ErrInvalidCredentials)
	}
	wantError(t, "after five", try(t, issuers[1], "alice", password, ""), session.ErrLocked)
}

type hangup struct {
	session.Authenticator
	cancel func()
}

func (h hangup) Authenticate(ctx context.Context, c session.Credentials) (session.User, error) {
	defer h.cancel()
	return h.Authenticator.Authenticate(context.WithoutCancel(ctx), c)
}

// overloaded cannot look at any password.
type overloaded struct{}

func (overloaded) Authenticate(context.Context, session.Credentials) (session.User, error) {
	return session.User{}, session.ErrBusy
}

// A password that nobody looked at was no guess.
func TestWhatWasNotCheckedDoesNotLock(t *testing.T) {
	b, issuers, _ := locking(t, fiveFailures())
	issuers[0].Users = overloaded{}
	for range 6 {
		wantError(t, "overloaded", try(t, issuers[0], "alice", password, ""), session.ErrBusy)
	}
	issuers[0].Users = b.Users
	must(t, try(t, issuers[0], "alice", password, ""))
}

// busy has all places of every account taken.
type busy struct{ session.Attempts }

func (busy) Begin(context.Context, session.Attempt, session.LoginLimits) error {
	return session.ErrInFlight
}

// Attempts that are never settled hold their places for up to a minute: no login
// waits for that.
func TestLoginDoesNotWaitForAttemptsThatStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := config()
		rules.Login = fiveFailures()
		s := session.NewService(session.Parts{Users: nobody{}, Trail: &trail{}, Attempts: busy{}}, rules)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := s.Login(ctx, session.Credentials{Username: "alice", Password: password})
		wantError(t, "login", err, session.ErrThrottled)
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("refused after %v", took)
		}
	})
}
