package guard

import (
	"fmt"
	"net/http"
)

// AllowOrigins names origins, such as https://app.example.com, whose pages may
// make a browser act here with [AccessCookie], besides those of the service
// itself. What is no origin panics.
func AllowOrigins(origins ...string) Option {
	protection(origins)
	return func(o *Options) { o.Origins = append(o.Origins, origins...) }
}

func protection(origins []string) *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := p.AddTrustedOrigin(origin); err != nil {
			panic("guard: " + err.Error())
		}
	}
	return p
}

// sameOrigin returns ErrForbidden for a request that may change something,
// carries our cookie, and was made by a page of another origin. A WebSocket is
// such a request, though it begins with a GET.
func sameOrigin(r *http.Request, p *http.CrossOriginProtection) error {
	if len(r.CookiesNamed(AccessCookie)) == 0 {
		return nil
	}
	if r.Header.Get("Upgrade") != "" {
		r = &http.Request{Method: http.MethodPost, Host: r.Host, Header: r.Header, URL: r.URL}
	}
	if p.Check(r) != nil {
		return fmt.Errorf("%w: a page of another origin may not use the cookie here", ErrForbidden)
	}
	return nil
}
