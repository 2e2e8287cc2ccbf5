package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// What an admin may do. RoleAll is everything; RoleKeys and what concerns no
// single tenant is only for admins without a tenant.
const (
	RoleRead     = "read"     // look at sessions, revocations, edges, events and the trail
	RoleRevoke   = "revoke"   // end sessions, revoke, unlock accounts
	RoleSessions = "sessions" // open sessions for users whom somebody else has authenticated
	RoleKeys     = "keys"     // rotate signing keys
	RoleAll      = "all"
)

// AdminName is the name of whoever presents the admin_token.
const AdminName = "admin"

// An Admin is a named admin. The token itself is nowhere in the
// configuration; curfew hash-token makes its hash.
type Admin struct {
	Name        string   `yaml:"name" json:"name"`
	TokenSHA256 string   `yaml:"token_sha256" json:"-"` // 64 hex digits
	Roles       []string `yaml:"roles" json:"roles"`
	Tenant      string   `yaml:"tenant" json:"tenant,omitempty"` // empty: every tenant
}

// String keeps the hash out of logs.
func (a Admin) String() string { return a.Name }

// Admins are the named admins: a list in the file; in the environment YAML in
// flow form, or JSON.
type Admins []Admin

// UnmarshalText reads the list strictly. Its errors repeat no value: the text
// may hold a secret in the wrong place.
func (as *Admins) UnmarshalText(text []byte) error {
	var fresh []Admin
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	switch err := dec.Decode(&fresh); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return errors.New("want a list of name, token_sha256, roles and tenant")
	case !errors.Is(dec.Decode(&yaml.Node{}), io.EOF):
		return errors.New("want one list")
	}
	*as = fresh
	return nil
}

const (
	maxAdmins = 1000
	maxTenant = 512 // bytes, as much as a token carries
)

var (
	adminNameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	roleForm      = regexp.MustCompile(`^[!-~]{1,64}$`)
	hashForm      = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// HashToken is the form in which the configuration knows a token: SHA-256, in
// hex. A slow hash is for passwords, which can be guessed; a token of 128
// random bits cannot, and is checked at every call.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// CheckToken returns what is wrong with a token that is to become an admin's,
// or nil. The error does not repeat it.
func CheckToken(token string) error {
	if len(token) < 2*minAdminToken || len(token) > maxAdminToken || !bearerForm.MatchString(token) {
		return fmt.Errorf("want a random token of %d to %d letters, digits or -._~+/, e.g. the output of: openssl rand -hex 32",
			2*minAdminToken, maxAdminToken)
	}
	return nil
}

func (c Issuer) checkAdmins(p *checks) {
	p.that("admins", len(c.Admins) <= maxAdmins, "want at most %d", maxAdmins)
	names := map[string]bool{AdminName: true, "curfew": true}
	hashes := map[string]bool{HashToken(c.AdminToken): true, HashToken(""): true}
	for n, a := range c.Admins {
		if reason := a.wrong(names, hashes); reason != "" {
			p.that("admins", false, "number %d: %s", n+1, reason)
		}
		names[a.Name], hashes[a.TokenSHA256] = true, true
	}
	if c.AdminRole != "" {
		p.matches("admin_role", c.AdminRole, roleForm, "1 to 64 visible ASCII characters")
	}
	if c.AdminListen != "" {
		p.address("admin_listen", c.AdminListen)
		p.that("admin_listen", c.AdminListen != c.Listen, "must differ from listen; leave it out to serve both there")
	}
}

func (a Admin) wrong(names, hashes map[string]bool) string {
	all := []string{RoleRead, RoleRevoke, RoleSessions, RoleKeys, RoleAll}
	switch {
	case !adminNameForm.MatchString(a.Name):
		return "name: want 1 to 64 of a-z, 0-9 and ._-"
	case names[a.Name]:
		return "name: taken"
	case !hashForm.MatchString(a.TokenSHA256):
		return "token_sha256: want 64 hex digits in lower case, as curfew hash-token prints them"
	case hashes[a.TokenSHA256]:
		return "token_sha256: two admins must not share a token"
	case len(a.Roles) == 0, slices.ContainsFunc(a.Roles, func(r string) bool { return !slices.Contains(all, r) }):
		return "roles: want some of read, revoke, sessions, keys, all"
	case a.Tenant != "" && slices.Contains(a.Roles, RoleKeys):
		return "roles: keys belong to no tenant"
	case len(a.Tenant) > maxTenant, !utf8.ValidString(a.Tenant):
		return fmt.Sprintf("tenant: want UTF-8 of at most %d bytes", maxTenant)
	}
	return ""
}
