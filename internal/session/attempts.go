package session

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"
)

var (
	// ErrLocked: the account has had too many failed logins.
	ErrLocked = errors.New("session: account locked")
	// ErrThrottled: the client's network has had too many failed logins, or
	// the account too many at the same time.
	ErrThrottled = errors.New("session: too many attempts")
	// ErrInFlight: as many attempts at the account are being checked as may
	// still fail. One of them will be decided soon.
	ErrInFlight = errors.New("session: attempts in flight")
	// ErrBusy: too many logins wait for their turn on this machine.
	ErrBusy = errors.New("session: too many logins at once")
)

// A Delay is a refusal that ends by itself. It wraps ErrLocked, ErrThrottled
// or ErrBusy.
type Delay struct {
	Err   error
	After time.Duration // when to come back
}

func (d *Delay) Error() string { return d.Err.Error() }

// Unwrap gives the reason.
func (d *Delay) Unwrap() error { return d.Err }

// LoginLimits bound failed logins over all issuers. The zero value bounds
// nothing.
type LoginLimits struct {
	LockThreshold int           // failures of one account within LockWindow that lock it; 0: never
	LockWindow    time.Duration // positive with a threshold
	LockDuration  time.Duration // positive with a threshold
	IPLimit       int           // failures from one network within IPWindow; 0: no limit
	IPWindow      time.Duration // positive with a limit
}

func (l LoginLimits) off() bool { return l.LockThreshold == 0 && l.IPLimit == 0 }

// An Attempt is one login whose password is about to be checked.
type Attempt struct {
	ID      string // unique
	Account string // tenant and name, see accountOf
	Network string // the client's address, an IPv6 one as its /64; empty when unknown
}

// An Outcome is what became of an attempt.
type Outcome string

// Outcomes. Void is an attempt that was not decided: it does not count.
const (
	Failed    Outcome = "failed"
	Succeeded Outcome = "succeeded"
	Void      Outcome = "void"
)

// Attempts counts failed logins in the store, by its clock. Both steps are
// atomic: however many attempts come at once, on however many issuers, no
// more passwords of one account are checked within the window than may fail.
type Attempts interface {
	// Begin admits an attempt before its password is checked. Errors: a
	// Delay of ErrLocked or ErrThrottled, ErrInFlight, ErrUnavailable.
	Begin(ctx context.Context, a Attempt, l LoginLimits) error
	// Settle says what became of an admitted attempt, and answers whether
	// it has locked the account. A success forgets the account's failures.
	// An attempt that is never settled holds its place for a minute at most.
	Settle(ctx context.Context, a Attempt, l LoginLimits, o Outcome) (locked bool, err error)
	// Unlock forgets lock and failures, and says whether there were any.
	// Account or Network may be empty.
	Unlock(ctx context.Context, a Attempt) (bool, error)
}

// accountOf names an account for counting. Names that differ in case or outer
// blanks share a count, since a webhook may take them for one.
func accountOf(tenant, username string) string {
	return keyOf(Credentials{Tenant: tenant}).tenant + "\x00" + strings.ToLower(strings.TrimSpace(username))
}

// networkOf is what failures are counted by: whoever has one IPv6 address has
// its /64.
func networkOf(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64) // 64 always fits an IPv6 address
	return prefix.String()
}
