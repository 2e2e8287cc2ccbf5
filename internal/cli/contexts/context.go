package contexts

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// A Context is one cluster.
type Context struct {
	Issuer     string   `yaml:"issuer"`
	AdminURL   string   `yaml:"admin_url,omitempty"` // where the issuer has a listener for admin calls
	Edges      []string `yaml:"edges,omitempty"`
	CA         string   `yaml:"ca,omitempty"` // PEM files, see package tlsfiles
	Cert       string   `yaml:"cert,omitempty"`
	Key        string   `yaml:"key,omitempty"`
	AdminToken string   `yaml:"admin_token,omitempty"`
	Session    *Session `yaml:"session,omitempty"` // nil: nobody is logged in
}

// Server is how issuers and edges are verified, and what they are shown.
func (c Context) Server() tlsfiles.Files { return tlsfiles.Files{Cert: c.Cert, Key: c.Key, CA: c.CA} }

// A Session is what a login brought.
type Session struct {
	Username     string    `yaml:"username"`
	UserID       string    `yaml:"user_id"`
	SessionID    string    `yaml:"session_id"`
	DeviceID     string    `yaml:"device_id"`
	AccessToken  string    `yaml:"access_token"`
	RefreshToken string    `yaml:"refresh_token"`
	ExpiresAt    time.Time `yaml:"expires_at"` // of the access token, by this machine's clock
}

// A File is all contexts.
type File struct {
	Current  string             `yaml:"current,omitempty"` // name of the one in use
	Contexts map[string]Context `yaml:"contexts"`
}

// Names lists the contexts in order.
func (f File) Names() []string { return slices.Sorted(maps.Keys(f.Contexts)) }

// OfIssuer is the name of the context for an issuer, the current one first, or
// nothing.
func (f File) OfIssuer(issuer string) string {
	if f.Contexts[f.Current].Issuer == issuer && issuer != "" {
		return f.Current
	}
	for _, name := range f.Names() {
		if f.Contexts[name].Issuer == issuer {
			return name
		}
	}
	return ""
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// CheckName returns what is wrong with the name of a context, or nil. It does
// not repeat it: it may be a secret that lost its flag.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("the name of a context has 1 to 64 of a-z, 0-9 and ._-")
	}
	return nil
}

// NameFor makes a name of an issuer's URL.
func NameFor(issuer string) string {
	name := issuer
	if u, err := url.Parse(issuer); err == nil {
		name = u.Host + u.Path
	}
	clean := func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}
	name = strings.Trim(strings.Map(clean, strings.ToLower(name)), "-._")
	return name[:min(len(name), 64)]
}

// CheckURL returns what is wrong with the URL of a service, or nil. It repeats
// nothing of it but the scheme's rules: it may hold a password.
func CheckURL(link string) error {
	u, err := url.Parse(link)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Errorf("want a URL such as https://login.example.com")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("want a URL without user, query and fragment")
	}
	return nil
}
