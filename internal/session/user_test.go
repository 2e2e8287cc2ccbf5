package session

import (
	"context"
	"strings"
	"testing"
)

func TestUserCheck(t *testing.T) {
	good := User{ID: "u", Tenant: "default", Roles: []string{"admin"}, Scope: "read write:all"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*User){
		"no id":                 func(u *User) { u.ID = "" },
		"long id":               func(u *User) { u.ID = strings.Repeat("x", 257) },
		"line break in the id":  func(u *User) { u.ID = "a\r\nb" },
		"not UTF-8":             func(u *User) { u.ID = "\xff" },
		"no tenant":             func(u *User) { u.Tenant = "" },
		"many roles":            func(u *User) { u.Roles = make([]string, 33) },
		"empty role":            func(u *User) { u.Roles = []string{""} },
		"long role":             func(u *User) { u.Roles = []string{strings.Repeat("x", 65)} },
		"control in a role":     func(u *User) { u.Roles = []string{"a\x00"} },
		"two spaces in a scope": func(u *User) { u.Scope = "a  b" },
		"quote in a scope":      func(u *User) { u.Scope = `a"b` },
		"long scope":            func(u *User) { u.Scope = strings.Repeat("x", 1025) },
	} {
		u := good
		if spoil(&u); u.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// named answers everybody with its own name.
type named string

func (n named) Authenticate(context.Context, Credentials) (User, error) {
	return User{ID: string(n)}, nil
}

func TestFirstOf(t *testing.T) {
	users := load(t, entry("alice", hashOf(t, "pw")))
	both := FirstOf(users, named("webhook"))
	for _, c := range []struct {
		of                       Authenticator
		name, password, want, tn string
	}{
		{both, "alice", "pw", "u-alice", ""}, {both, "alice", "wrong", "", ""}, {both, "bob", "pw", "webhook", ""},
		{both, "alice", "pw", "webhook", "acme"}, {FirstOf(users, nil), "bob", "pw", "", ""},
		{FirstOf(nil, named("webhook")), "alice", "pw", "webhook", ""},
	} {
		got, err := c.of.Authenticate(t.Context(), Credentials{Username: c.name, Password: c.password, Tenant: c.tn})
		if got.ID != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}
