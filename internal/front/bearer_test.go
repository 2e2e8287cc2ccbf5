package front

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func bytesOf(texts []string) (out [][]byte) {
	for _, s := range texts {
		out = append(out, []byte(s))
	}
	return out
}

func TestBearer(t *testing.T) {
	long := strings.Repeat("a", maxToken)
	for _, c := range []struct {
		headers, cookies []string
		token, code      string
	}{
		{[]string{"Bearer a.b-c_d~e+f/g=="}, nil, "a.b-c_d~e+f/g==", ""},
		{[]string{"bEaReR a"}, nil, "a", ""},
		{[]string{"Bearer   a"}, nil, "a", ""},
		{[]string{"Bearer " + long}, nil, long, ""},
		{nil, []string{"a"}, "a", ""},
		{[]string{"Bearer a"}, []string{"a"}, "a", ""},
		{[]string{"Basic eDp5"}, []string{"a"}, "a", ""},
		{nil, nil, "", "token_missing"},
		{[]string{"Basic eDp5"}, nil, "", "token_missing"},
		{[]string{""}, nil, "", "token_missing"},
		{[]string{"Bearera"}, nil, "", "token_missing"},
		{[]string{"Bearer\ta"}, nil, "", "token_missing"},
		{[]string{"Bearer"}, nil, "", "token_malformed"},
		{[]string{"Bearer "}, nil, "", "token_malformed"},
		{[]string{"Bearer ="}, nil, "", "token_malformed"},
		{[]string{"Bearer a b"}, nil, "", "token_malformed"},
		{[]string{"Bearer a,b"}, nil, "", "token_malformed"},
		{[]string{"Bearer a=b"}, nil, "", "token_malformed"},
		{[]string{"Bearer a\n"}, nil, "", "token_malformed"},
		{[]string{"Bearer ä"}, nil, "", "token_malformed"},
		{[]string{"Bearer " + long + "a"}, nil, "", "token_malformed"},
		{[]string{"Bearer a", "Bearer a"}, nil, "", "token_malformed"},
		{[]string{"Bearer a", "Basic a"}, nil, "", "token_malformed"},
		{nil, []string{"a", "a"}, "", "token_malformed"},
		{[]string{"Bearer a"}, []string{"b"}, "", "token_malformed"},
		{[]string{"Bearer"}, []string{"a"}, "", "token_malformed"},
		{nil, []string{""}, "", "token_malformed"},
	} {
		token, err := checked(bearer(bytesOf(c.headers), bytesOf(c.cookies)))
		code := ""
		if err != nil {
			code = asProblem(err).Code
		}
		if token != c.token || code != c.code {
			t.Errorf("%.40q %q: got %.20q %q, want %.20q %q", c.headers, c.cookies, token, code, c.token, c.code)
		}
	}
}

func TestBearerOfARequest(t *testing.T) {
	var kept []string
	app := fiber.New()
	app.Get("/", func(c *fiber.Ctx) error {
		token, err := Bearer(c)
		kept = append(kept, token)
		if err != nil {
			return c.SendString(asProblem(err).Code)
		}
		return c.SendString(token)
	})
	for _, c := range []struct {
		set  []string
		want string
	}{
		{[]string{"Authorization", "Bearer first"}, "first"},
		{[]string{"Authorization", "Bearer other"}, "other"},
		{[]string{"Cookie", "x=1; " + AccessCookie + "=crumb; y=2"}, "crumb"},
		{[]string{"Cookie", AccessCookie + "=a; " + AccessCookie + "=b"}, "token_malformed"},
		{[]string{"Cookie", "curfew-access=a"}, "token_missing"},
		{[]string{"Authorization", "Bearer a", "Authorization", "Bearer b"}, "token_malformed"},
	} {
		req := httptest.NewRequest("GET", "/", nil)
		for i := 0; i < len(c.set); i += 2 {
			req.Header.Add(c.set[i], c.set[i+1])
		}
		res, err := app.Test(req, -1)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(res.Body); string(got) != c.want {
			t.Errorf("%q: got %q, want %q", c.set, got, c.want)
		}
	}
	if kept[0] != "first" {
		t.Errorf("the token changed under the caller: %q", kept[0])
	}
}

// A token comes only out of exactly one good source, and is as it was sent.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"Bearer abc", "bearer  a==", "Bearer", "Basic x", "", "Bearer a b", "Bearer \x00"} {
		f.Add(s, "")
		f.Add(s, "abc")
	}
	f.Fuzz(func(t *testing.T, header, cookie string) {
		var cookies [][]byte
		if cookie != "" {
			cookies = [][]byte{[]byte(cookie)}
		}
		token, err := checked(bearer([][]byte{[]byte(header)}, cookies))
		switch {
		case (err == nil) == (token == ""):
			t.Fatalf("%q with %v", token, err)
		case err != nil:
			return
		case len(token) > maxToken || strings.ContainsAny(token, " \t\r\n,;\"\x00"):
			t.Fatalf("token %q", token)
		case !strings.HasSuffix(header, " "+token) && cookie != token:
			t.Fatalf("%q is in neither %q nor %q", token, header, cookie)
		}
	})
}
