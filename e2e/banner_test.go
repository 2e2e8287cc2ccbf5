package e2e_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestUpBanner does what the banner tells a person to do, in its three curl
// lines, without curl.
func TestUpBanner(t *testing.T) {
	u := startUp(t)
	var banner strings.Builder
	var calls []call
	for !strings.Contains(banner.String(), "Ctrl-C") {
		line, err := u.out.ReadString('\n')
		testenv.Must(t, err)
		banner.WriteString(line)
		if strings.Contains(line, "curl ") {
			calls = append(calls, parseCurl(t, line))
		}
	}
	edges := regexp.MustCompile(`(?m)^ +edge-\d +http://127\.0\.0\.1:\d+$`).FindAllString(banner.String(), -1)
	if len(calls) != 3 || len(edges) != 3 || !strings.Contains(banner.String(), "alice / ") || !strings.Contains(banner.String(), "admin token") {
		t.Fatalf("not a banner:\n%s", &banner)
	}
	c := &cluster{setup: &setup{secrets: &secrets{}}}
	g := decode[grant](t, c.do(t, calls[0]))
	withToken := func(of call) call {
		of.header["Authorization"] = []string{strings.ReplaceAll(of.header.Get("Authorization"), "$TOKEN", g.AccessToken)}
		return of
	}
	decode[whoami](t, c.do(t, withToken(calls[1])))
	mustCommit(t, c.do(t, withToken(calls[2])), "session", g.SessionID)
	c.edges = []*service{{Process: u.Process, url: strings.TrimSuffix(calls[1].url, "/v1/whoami")}}
	c.mustRefuse(t, g)
	u.interrupt(t)
}

// parseCurl understands as much of curl and the shell as the banner uses.
func parseCurl(t *testing.T, line string) call {
	t.Helper()
	find := func(expr string) string {
		if m := regexp.MustCompile(expr).FindStringSubmatch(line); m != nil {
			return m[1]
		}
		return ""
	}
	name, value, _ := strings.Cut(find(`-H ['"]([^'"]*)['"]`), ": ")
	c := call{method: find(`-X (\w+)`), url: find(` (http://[^ ]+)`), body: find(`-d '([^']*)'`), header: http.Header{name: {value}}}
	if c.url == "" || name == "" {
		t.Fatalf("not understood: %s", line)
	}
	return c
}
