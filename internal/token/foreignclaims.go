package token

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// otherKinds are claims that access tokens do not have: those of ID tokens
// (OpenID Connect Core sections 2 and 3.3.2.11) and of security events such as
// logout tokens (RFC 8417); and cnf, by which a token is good only together with
// a key that nobody checks here (RFC 7800, RFC 9449 section 7.2).
var otherKinds = []string{"nonce", "at_hash", "c_hash", "s_hash", "events", "cnf"}

// A rawValue is a JSON value as it stood in the token.
type rawValue string

// members are the claims that are looked at.
type members map[string]*rawValue

func (f *foreign) members(payload string) (members, error) {
	m := members{}
	err := decodeObject(payload, func(name string) any {
		if _, ok := f.wanted[name]; !ok {
			return ignored{}
		}
		m[name] = new(rawValue)
		return m[name]
	})
	return m, err
}

// claims reads the members. It refuses what says that it is no access token:
// Keycloak writes that into typ, Cognito into token_use.
func (f *foreign) claims(m members) (c Claims, notBefore time.Time, err error) {
	if slices.ContainsFunc(otherKinds, func(name string) bool { return m[name] != nil }) {
		return c, notBefore, fmt.Errorf("%w: not a bearer access token", ErrInvalid)
	}
	r := reader{members: m}
	if typ, use := r.text("typ"), r.text("token_use"); typ != "" && !strings.EqualFold(typ, "Bearer") || use != "" && use != "access" {
		return c, notBefore, fmt.Errorf("%w: not a bearer access token", ErrInvalid)
	}
	c = Claims{
		Foreign: true, Issuer: r.text("iss"), ID: r.text("jti"),
		Subject: r.text(f.User...), SessionID: r.text(f.Session...), Tenant: r.text(f.Tenant...),
		Roles: r.list(f.Roles...), Scope: r.words(f.Scope...), Audience: r.list("aud"),
		IssuedAt: r.time("iat"), ExpiresAt: r.time("exp"),
	}
	if c.Tenant == "" {
		c.Tenant = f.DefaultTenant
	}
	c.IssuedAtMillis = f.stampOf(c.IssuedAt)
	return c, r.time("nbf"), r.err
}

// A reader reads values and keeps the first error.
type reader struct {
	members members
	err     error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// at returns the value at the end of a path, nil if there is none or it is
// null.
func (r *reader) at(path []string) *rawValue {
	if len(path) == 0 {
		return nil
	}
	v := r.members[path[0]]
	for _, name := range path[1:] {
		if v = v.orNil(); v == nil {
			return nil
		}
		v = r.memberOf(*v, name)
	}
	return v.orNil()
}

func (v *rawValue) orNil() *rawValue {
	if v == nil || *v == "null" {
		return nil
	}
	return v
}

// memberOf is as strict as the claims themselves are read: a name given twice
// is refused there too.
func (r *reader) memberOf(object rawValue, name string) (found *rawValue) {
	inner, ok := strings.CutPrefix(string(object), "{")
	if !ok {
		r.fail(errType)
		return nil
	}
	err := decodeMembers(inner, func(n string) any {
		if n != name {
			return ignored{}
		}
		found = new(rawValue)
		return found
	})
	if err != nil {
		r.fail(err)
		return nil
	}
	return found
}

func (r *reader) into(v *rawValue, target any) {
	if v != nil && decodeValue(string(*v), target) != nil {
		r.fail(errType)
	}
}

func (r *reader) text(path ...string) (s string) {
	r.into(r.at(path), &s)
	return s
}

// list reads a list of texts; a text alone is a list of one.
func (r *reader) list(path ...string) []string {
	var list jwt.ClaimStrings
	r.into(r.at(path), &list)
	return list
}

// words reads words apart by blanks, or a list of them.
func (r *reader) words(path ...string) string {
	v := r.at(path)
	if v == nil || (*v)[0] == '"' {
		return r.text(path...)
	}
	words := r.list(path...)
	for _, w := range words {
		if w == "" || strings.ContainsAny(w, space) {
			r.fail(errType)
		}
	}
	return strings.Join(words, " ")
}

func (r *reader) time(name string) time.Time {
	var d date
	r.into(r.at([]string{name}), &d)
	return d.Time
}
