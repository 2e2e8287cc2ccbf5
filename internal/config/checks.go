package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checks collects what is wrong with a struct's values, as Invalid with bare
// setting names.
type checks struct{ errs []error }

func (c *checks) err() error { return errors.Join(c.errs...) }

func (c *checks) that(setting string, good bool, format string, args ...any) {
	if !good {
		c.errs = append(c.errs, &Invalid{setting, fmt.Sprintf(format, args...)})
	}
}

// within checks lo <= v <= hi.
func within[T interface {
	cmp.Ordered
	~int | ~int64
}](c *checks, setting string, v, lo, hi T) {
	c.that(setting, v >= lo && v <= hi, "want %v to %v, got %v", lo, hi, v)
}

func (c *checks) oneOf(setting, v string, allowed ...string) {
	c.that(setting, slices.Contains(allowed, v), "want %s, got %s", strings.Join(allowed, " or "), quote(v))
}

func (c *checks) matches(setting, v string, form *regexp.Regexp, words string) {
	c.that(setting, form.MatchString(v), "want %s, got %s", words, quote(v))
}

// address checks host:port, where the host may be empty and the port 0.
func (c *checks) address(setting, v string) {
	_, port, err := net.SplitHostPort(v)
	n, portErr := strconv.ParseUint(port, 10, 16)
	c.that(setting, err == nil && portErr == nil && n <= 65535, "want host:port, got %s", quote(v))
}

// networks checks CIDR networks and addresses, separated by commas.
func (c *checks) networks(setting, v string) {
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		_, prefixErr := netip.ParsePrefix(part)
		addr, addrErr := netip.ParseAddr(part)
		c.that(setting, part == "" && v == "" || prefixErr == nil || addrErr == nil && addr.Zone() == "",
			"want networks such as 10.0.0.0/8, separated by commas, got %s", quote(part))
	}
}

// link checks an absolute URL of one of the schemes. What url.Parse says is
// not repeated, because it quotes parts of the URL, such as a password.
func (c *checks) link(setting, v string, schemes ...string) *url.URL {
	u, err := url.Parse(v)
	good := err == nil && slices.Contains(schemes, u.Scheme) && (u.Hostname() != "" || u.Scheme == "unix" && u.Path != "")
	c.that(setting, good, "want a URL such as %s://host, got %s", schemes[0], quote(v))
	if !good {
		return nil
	}
	return u
}

// plainLink checks an http or https URL of scheme, host, port and path alone.
func (c *checks) plainLink(setting, v string) {
	if u := c.link(setting, v, "http", "https"); u != nil {
		c.that(setting, u.User == nil, "must not hold a user name or password")
		c.that(setting, u.RawQuery == "" && !u.ForceQuery && u.Fragment == "", "must not have a query or a fragment")
	}
}

// origins checks a list of origins in the form in which browsers write them:
// lower case, without a port where it is the scheme's own, and nothing after.
func (c *checks) origins(setting, list string) {
	if list == "" {
		return
	}
	for v := range strings.SplitSeq(list, ",") {
		v = strings.TrimSpace(v)
		u, err := url.Parse(v)
		good := err == nil && u.Host != "" && v == strings.ToLower(u.Scheme+"://"+u.Host) &&
			(u.Scheme == "https" && u.Port() != "443" || u.Scheme == "http" && u.Port() != "80")
		c.that(setting, good, "want origins such as https://app.example.com, separated by commas, got %s", quote(v))
	}
}

// file checks that v names a file; hint says how to come by one.
func (c *checks) file(setting, v, hint string) { c.path(setting, v, hint, "file", false) }

// directory checks that v names a directory.
func (c *checks) directory(setting, v, hint string) { c.path(setting, v, hint, "directory", true) }

func (c *checks) path(setting, v, hint, noun string, dir bool) {
	if v == "" {
		c.that(setting, false, "%s", hint)
		return
	}
	switch info, err := os.Stat(v); {
	case errors.Is(err, os.ErrNotExist):
		c.that(setting, false, "no such %s %q; %s", noun, v, hint)
	case err != nil:
		c.that(setting, false, "cannot read %q", v)
	default:
		c.that(setting, info.IsDir() == dir, "%q is not a %s", v, noun)
	}
}
