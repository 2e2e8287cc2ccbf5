package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName  = 256  // bytes of a username, user id or tenant
	maxRoles = 32   // of one user
	maxRole  = 64   // bytes
	maxScope = 1024 // bytes
)

// A User is somebody who has been authenticated.
type User struct {
	ID     string
	Tenant string
	Roles  []string
	Scope  string // what tokens are good for, separated by single spaces (RFC 6749 section 3.3)
}

// ErrBadUser: a user whom a session cannot carry.
var ErrBadUser = errors.New("session: bad user")

// Check refuses a user whom a session cannot carry. Its errors quote nothing.
func (u User) Check() error {
	if err := checkName("user_id", u.ID); err != nil {
		return err
	}
	if err := checkName("tenant", u.Tenant); err != nil {
		return err
	}
	if len(u.Roles) > maxRoles {
		return fmt.Errorf("more than %d roles", maxRoles)
	}
	for _, role := range u.Roles {
		if role == "" || len(role) > maxRole || !plain(role) {
			return fmt.Errorf("a role must be UTF-8 of 1 to %d bytes without control characters", maxRole)
		}
	}
	return checkScope(u.Scope)
}

func checkName(field, value string) error {
	if value == "" || len(value) > maxName || !plain(value) {
		return fmt.Errorf("%s must be UTF-8 of 1 to %d bytes without control characters", field, maxName)
	}
	return nil
}

func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func checkScope(scope string) error {
	if scope == "" {
		return nil
	}
	good := len(scope) <= maxScope
	for part := range strings.SplitSeq(scope, " ") {
		good = good && part != "" && !strings.ContainsFunc(part, func(r rune) bool {
			return r <= ' ' || r > '~' || r == '"' || r == '\\'
		})
	}
	if !good {
		return fmt.Errorf("scope must be words of visible ASCII without \" and \\, separated by single spaces, at most %d bytes", maxScope)
	}
	return nil
}

// An Authenticator knows users. Authenticate MUST answer ErrInvalidCredentials
// alike, and after the same time, for an unknown user and a wrong password.
// Other errors mean that nothing was decided.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credentials) (User, error)
}

// FirstOf returns an Authenticator that leaves the names which users knows to
// it, and all others to next. One of the two may be nil. How long an answer
// takes may then show which of them gave it, but not whether next knows a name.
func FirstOf(users *Users, next Authenticator) Authenticator {
	switch {
	case next == nil:
		return users
	case users == nil:
		return next
	}
	return firstOf{users, next}
}

type firstOf struct {
	users *Users
	next  Authenticator
}

func (f firstOf) Authenticate(ctx context.Context, c Credentials) (User, error) {
	if f.users.Knows(c) {
		return f.users.Authenticate(ctx, c)
	}
	return f.next.Authenticate(ctx, c)
}
