package front

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

func TestClientIP(t *testing.T) {
	proxies, err := ParseProxies("10.0.0.0/8, 192.0.2.1,fd00::/8")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, peer, forwarded, want string }{
		{"no proxy, no header", "203.0.113.9", "", "203.0.113.9"},
		{"a client writes the header itself", "203.0.113.9", "198.51.100.7", "203.0.113.9"},
		{"one proxy", "10.1.1.1", "203.0.113.9", "203.0.113.9"},
		{"a client forges hops before its own", "10.1.1.1", "198.51.100.7, 10.9.9.9, 203.0.113.9", "203.0.113.9"},
		{"two proxies", "192.0.2.1", "198.51.100.7,203.0.113.9, 10.2.2.2", "203.0.113.9"},
		{"IPv6", "fd00::1", "2001:db8::7", "2001:db8::7"},
		{"mapped", "10.1.1.1", "::ffff:203.0.113.9", "203.0.113.9"},
		{"a mapped hop is trusted alike", "10.1.1.1", "203.0.113.9, ::ffff:10.2.2.2", "203.0.113.9"},
		{"a zone", "10.1.1.1", "fe80::7%eth0", "fe80::7"},
		{"with ports", "10.1.1.1", "203.0.113.9:4711, [fd00::2]:99", "203.0.113.9"},
		{"rubbish", "10.1.1.1", "203.0.113.9, unknown", "10.1.1.1"},
		{"an empty hop", "10.1.1.1", "203.0.113.9,", "10.1.1.1"},
		{"all trusted", "10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"},
		{"a proxy without the header", "10.1.1.1", "", "10.1.1.1"},
		{"no end of hops", "10.1.1.1", strings.Repeat("10.2.2.2,", 1000) + "10.2.2.2", "10.2.2.2"},
	} {
		if got := proxies.client(netip.MustParseAddr(c.peer), c.forwarded); got.String() != c.want {
			t.Errorf("%s: got %v, want %s", c.what, got, c.want)
		}
	}
	if got := (Proxies)(nil).client(netip.MustParseAddr("127.0.0.1"), "203.0.113.9"); got.String() != "127.0.0.1" {
		t.Errorf("with no trusted proxies: %v", got)
	}
	for _, bad := range []string{"10.0.0.0/33", "proxy.example", "10.0.0.1-10.0.0.9", "fe80::1%eth0"} {
		if _, err := ParseProxies(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// A listener for IPv4 and IPv6 tells of IPv4 peers by their mapped addresses.
func TestMappedPeerIsTheProxyItIs(t *testing.T) {
	proxies, err := ParseProxies("10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	if !proxies.Trust("[::ffff:10.1.1.1]:4711") || proxies.Trust("[::ffff:11.1.1.1]:4711") {
		t.Error("trusts another than the mapped proxy")
	}
	app, request := fiber.New(), &fasthttp.RequestCtx{}
	request.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.ParseIP("10.1.1.1").To16(), Port: 4711}, nil)
	c := app.AcquireCtx(request)
	defer app.ReleaseCtx(c)
	c.Request().Header.Set(fiber.HeaderXForwardedFor, "203.0.113.9")
	if got := proxies.ClientIP(c); got != "203.0.113.9" {
		t.Errorf("got %s, want what the proxy says", got)
	}
}
