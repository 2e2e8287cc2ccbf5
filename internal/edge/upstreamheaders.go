package edge

import (
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"

	"github.com/curfew-auth/curfew/internal/front"
)

// rewrite makes the request that the upstream gets. Hop-by-hop headers are gone
// already, so that none of ours can be taken for one.
func (u *upstream) rewrite(p *httputil.ProxyRequest) {
	of := passageOf(p.In)
	p.SetURL(u.target)
	stayHTTP1(p)
	u.forwarded(p)
	u.names.forward(p.Out.Header, &of.admission.id)
	if of.assertion != "" {
		p.Out.Header.Set(string(u.names.assertion), of.assertion)
	}
	if u.strip {
		p.Out.Header.Del("Authorization")
	}
	front.StripPair(p.Out.Header) // the API has no use for what is as good as a password
	p.Out.Header.Set("X-Request-Id", front.RequestID(of.c))
}

// carriers are what the names of protocols begin with that carry requests. On a
// connection that has switched to one, a client would reach the upstream past
// us, on any path and with identity headers of its own.
var carriers = []string{"h2", "h3", "http", "tls"}

// stayHTTP1 takes the offer of such a protocol away (RFC 9110 section 7.8 lets
// anyone on the way do so), and the announcement of trailers, which do not pass.
func stayHTTP1(p *httputil.ProxyRequest) {
	p.Out.Trailer = nil
	p.Out.Header.Del("Http2-Settings") // RFC 7540 section 3.2.1
	for offer := range strings.SplitSeq(strings.Join(p.In.Header["Upgrade"], ","), ",") {
		offer = strings.ToLower(strings.TrimSpace(offer))
		if slices.ContainsFunc(carriers, func(name string) bool { return strings.HasPrefix(offer, name) }) {
			p.Out.Header.Del("Upgrade")
			p.Out.Header.Del("Connection")
			return
		}
	}
}

// forwarded says who asked for what. What the request says about that itself
// counts only if a trusted proxy has sent it, and only in the usual spelling.
func (u *upstream) forwarded(p *httputil.ProxyRequest) {
	trusted := u.trusted.Trust(p.In.RemoteAddr)
	for name := range p.Out.Header {
		if isForwarded(name) && !(trusted && isCanonical(name)) {
			delete(p.Out.Header, name)
		}
	}
	if trusted {
		p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"] // the peer is added to it
	}
	p.SetXForwarded()
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto"} {
		if given := p.In.Header[name]; trusted && len(given) == 1 {
			p.Out.Header[name] = given
		}
	}
}

func isForwarded(name string) bool {
	name = plainName(name)
	return strings.HasPrefix(name, "x-forwarded-") || name == "x-forwarded" || name == "forwarded" || name == "x-real-ip"
}

func isCanonical(name string) bool {
	return name == http.CanonicalHeaderKey(plainName(name))
}
