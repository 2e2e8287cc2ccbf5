package edge

import (
	"errors"
	"net/http"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/curfew-auth/curfew/guard"
)

// A naming is what the headers are called that carry an identity to whoever
// stands behind the edge. All six are always set, empty when there is nothing
// to say, so that a client's own can never be taken for ours.
type naming struct {
	reserved string // prefix of them all, in the form in which names are compared
	user     []byte // the names, in canonical form
	session  []byte
	tenant   []byte
	roles    []byte // separated by commas
	scope    []byte // separated by blanks
	issuer   []byte // without which the others tell nobody apart
	code     []byte // of a refusal, why

	assertion []byte // of all of it, signed; only where that is wanted
}

func newNaming(prefix string) *naming {
	name := func(suffix string) []byte { return []byte(http.CanonicalHeaderKey(prefix + suffix)) }
	return &naming{
		reserved: plainName(prefix),
		user:     name("User"), session: name("Session"), tenant: name("Tenant"),
		roles: name("Roles"), scope: name("Scope"), issuer: name("Issuer"), code: name("Code"),
		assertion: name("Assertion"),
	}
}

// plainName is a name as the laxest reader sees it: without case, and with a -
// for all that is no letter or digit, as CGI and its descendants do.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, name)
}

// errUnspeakable: putting the identity into headers would make it another one.
var errUnspeakable = errors.New("edge: the identity cannot stand in headers")

// speakable returns errUnspeakable for an identity of which a reader of the
// headers might understand something else: a role with a comma would be two, a
// line break would begin another header, blanks at either end get lost.
func speakable(id *guard.Identity) error {
	for _, value := range [...]string{id.UserID, id.SessionID, id.Tenant, id.Scope, id.Issuer} {
		if !isFieldValue(value) {
			return errUnspeakable
		}
	}
	for _, role := range id.Roles {
		if role == "" || !isFieldValue(role) || strings.IndexByte(role, ',') >= 0 {
			return errUnspeakable
		}
	}
	return nil
}

// isFieldValue reports whether s survives as a header's value (RFC 9110
// section 5.5): no control characters, no blank at either end.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// answer sets the identity on an answer, for the proxy that asked.
func (n *naming) answer(h *fasthttp.ResponseHeader, id *guard.Identity) {
	var buf [256]byte
	h.SetCanonical(n.user, append(buf[:0], id.UserID...))
	h.SetCanonical(n.session, append(buf[:0], id.SessionID...))
	h.SetCanonical(n.tenant, append(buf[:0], id.Tenant...))
	h.SetCanonical(n.scope, append(buf[:0], id.Scope...))
	h.SetCanonical(n.issuer, append(buf[:0], id.Issuer...))
	roles := buf[:0]
	for i, role := range id.Roles {
		if i > 0 {
			roles = append(roles, ',')
		}
		roles = append(roles, role...)
	}
	h.SetCanonical(n.roles, roles)
}

// forward replaces whatever identity headers the client sent, in any spelling,
// by our own. It runs after hop-by-hop headers were removed: a client could
// else have ours removed by naming them in Connection.
func (n *naming) forward(h http.Header, id *guard.Identity) {
	for name := range h {
		if strings.HasPrefix(plainName(name), n.reserved) {
			delete(h, name)
		}
	}
	h.Set(string(n.user), id.UserID)
	h.Set(string(n.session), id.SessionID)
	h.Set(string(n.tenant), id.Tenant)
	h.Set(string(n.roles), strings.Join(id.Roles, ","))
	h.Set(string(n.scope), id.Scope)
	h.Set(string(n.issuer), id.Issuer)
}
