package edge

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"pgregory.net/rapid"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
)

var rules = config.CheckModes{
	{Path: "/pay", Mode: "strict"},
	{Path: "/pay/rates", Methods: []string{"GET"}, Mode: "local"},
	{Path: "/accounts/*/transfer", Mode: "strict"},
	{Path: "/accounts/demo/transfer/", Mode: "local"},
	{Path: "/public", Mode: "stateless"},
	{Path: "/public/secret", Mode: "local"},
	{Path: "/orders", Methods: []string{"POST", "DELETE"}, Mode: "strict"},
}

func TestLongestRuleWins(t *testing.T) {
	m := newModes("local", rules)
	for request, want := range map[string]guard.Mode{
		"GET /": guard.Local, "GET /payments": guard.Local, "GET /xpay": guard.Local, "GET /x/pay": guard.Local,
		"GET /pay": guard.Strict, "GET /pay/": guard.Strict, "POST /pay/now": guard.Strict,
		"GET /pay/rates": guard.Local, "HEAD /pay/rates/eur": guard.Local, "POST /pay/rates": guard.Strict,
		"GET /accounts/7/transfer": guard.Strict, "GET /accounts/demo/transfer": guard.Local,
		"GET /accounts/7": guard.Local, "GET /accounts/7/8/transfer": guard.Local, "GET /accounts/a%40b/transfer": guard.Strict,
		"GET /public": guard.Stateless, "GET /public/a/b.css": guard.Stateless, "GET /public/secret": guard.Local,
		"GET /orders/7": guard.Local, "HEAD /orders/7": guard.Local, "POST /orders": guard.Strict, "DELETE /orders/7": guard.Strict,
		"GET /users/alice%40example.com": guard.Local, "GET /users/m%C3%BCller": guard.Local, "GET /users/a%20b": guard.Local,
	} {
		method, path, _ := strings.Cut(request, " ")
		if got := m.at(method, path); got != want {
			t.Errorf("%s: %v, want %v", request, got, want)
		}
	}
	if got := newModes("strict", nil).strictest; got != guard.Strict {
		t.Errorf("strictest %v", got)
	}
}

// Every spelling that some server takes for the path of a strict rule is
// checked strictly.
func TestNoSpellingWeakensARule(t *testing.T) {
	m := newModes("local", rules)
	for _, path := range []string{
		"/PAY", "/Pay/Now", "//pay", "/pay//now", "/./pay", "/x/../pay", "/public/../pay", "/pay/.", "/pay/rates/../now",
		"/%70ay", "/%50AY", "/p%61%79", "/%2570ay", "/%2e/pay", "/public/%2e%2e/pay", "/public/%2E./pay", "/public/%252e%252e/pay", "/public/..%2fpay",
		"/public%2f..%2fpay", "/public/..%5cpay", `/public/..\pay`, `\pay`, "/public/..;/pay", "/pay;v=1", "/pay;", "/public;/../pay", "/pay.json", "/pay.", "/PAY.Json/x",
		"/pay%20", "/pay%00", "/pay%00.html", "/pay%0a", "/pay%09", "/pay%23", "/pay%3f", "/pay#x", "/public/%c0%ae%c0%ae/pay", "/public/%uff0e", "/%zz", "/pay%",
		"/public%ef%bc%8f..%ef%bc%8fpay", "/%ef%bd%90ay", "/public/\xef\xbc\x8e\xef\xbc\x8e/pay", "/p\xc3\xa4y", "http://host/pay", "pay", "", "*", "/pay/rates%2f..",
		"/accounts/7/TRANSFER", "/accounts/7/transfer.xml", "/accounts/7/%74ransfer", "/accounts/%64emo/transfer", "/accounts/DEMO/transfer",
	} {
		for _, method := range []string{"GET", "POST", "PATCH"} {
			if got := m.at(method, path); got != guard.Strict {
				t.Errorf("%s %q: %v", method, path, got)
			}
		}
	}
	for _, path := range []string{"/Public", "/public.html", "/publi%63", "/x/../public", "/public/SECRET", "/public/secret.txt", "/public/secre%74"} {
		if got := m.at("GET", path); got == guard.Stateless {
			t.Errorf("%q: %v", path, got)
		}
	}
}

// Whatever is done to a path on the way to a handler, the mode is not weaker
// than that of the path the handler sees.
func TestModeIsNotWeakerThanTheUpstreamsReading(t *testing.T) {
	m := newModes("local", rules)
	words := []string{"pay", "public", "secret", "accounts", "demo", "transfer", "7", "PAY", "rates", "..", ".", "", "%2e%2e", "..;", "%70ay", "x.json", "%252e%252e", "pay;a=b", "%c3%a4", "%2f", `\`}
	readings := map[string]func(string) string{
		"as it is":       func(p string) string { return p },
		"cleaned":        path.Clean,
		"decoded":        decode,
		"both":           func(p string) string { return path.Clean(decode(p)) },
		"and both":       func(p string) string { return path.Clean(decode(path.Clean(decode(p)))) },
		"the other way":  func(p string) string { return decode(path.Clean(p)) },
		"lower case":     func(p string) string { return strings.ToLower(path.Clean(decode(p))) },
		"parameters off": func(p string) string { return path.Clean(dropParameters(decode(p))) },
		"backslashes":    func(p string) string { return path.Clean(strings.ReplaceAll(decode(p), `\`, "/")) },
	}
	rapid.Check(t, func(t *rapid.T) {
		p := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 6).Draw(t, "segments"), "/")
		method := rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method")
		got := m.at(method, p)
		for name, read := range readings {
			seen := strings.Split(strings.TrimPrefix(read(p), "/"), "/")
			if want := m.longest(method, seen, same); got.Stricter(want) != got {
				t.Fatalf("%s %s is checked %v; %s it is /%s, which wants %v", method, p, got, name, strings.Join(seen, "/"), want)
			}
		}
	})
}

func decode(p string) string {
	if plain, err := url.PathUnescape(p); err == nil {
		return plain
	}
	return p
}

func dropParameters(p string) string {
	var out []string
	for segment := range strings.SplitSeq(p, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		out = append(out, segment)
	}
	return strings.Join(out, "/")
}

// The mode is that of the request line as it came, whatever the router makes
// of it, and headers that name another method or path count.
func TestModeOfARequest(t *testing.T) {
	app, m := fiber.New(fiber.Config{DisableStartupMessage: true}), newModes("local", rules)
	app.Use(func(c *fiber.Ctx) error { return c.SendString(m.of(c).String()) })
	for _, c := range []struct{ target, header, want string }{
		{"/free", "", "local"}, {"/free?x=/pay", "", "local"}, {"/pay?x", "", "strict"}, {"/%70ay?x", "", "strict"}, {"/public/../pay", "", "strict"},
		{"/public", "", "stateless"}, {"/public?a/../b", "", "stateless"},
		{"/orders", "", "local"}, {"/orders", "X-HTTP-Method-Override", "strict"}, {"/orders", "x_http_method_override", "strict"}, {"/orders", "X.HTTP.Method_Override", "strict"}, {"/public", "X-Original-URL", "strict"},
	} {
		req, err := http.NewRequest(http.MethodGet, "http://edge"+c.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			req.Header[c.header] = []string{"/pay"}
		}
		res, err := app.Test(req, -1)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 20)
		n, _ := res.Body.Read(got)
		res.Body.Close()
		if string(got[:n]) != c.want {
			t.Errorf("%s %s: %s, want %s", c.target, c.header, got[:n], c.want)
		}
	}
}

func FuzzMode(f *testing.F) {
	m := newModes("local", rules)
	f.Add("GET", "/pay")
	f.Add("POST", "/public/%2e%2e/pay")
	f.Fuzz(func(t *testing.T, method, p string) {
		got := m.at(method, p)
		seen := strings.Split(strings.TrimPrefix(path.Clean("/"+decode(p)), "/"), "/")
		if want := m.longest(method, seen, same); got.Stricter(want) != got {
			t.Errorf("%s %q is checked %v; as /%s it wants %v", method, p, got, strings.Join(seen, "/"), want)
		}
	})
}
