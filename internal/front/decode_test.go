package front

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

type device struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
}

type embedded struct {
	Inner string `json:"inner"`
}

type login struct {
	embedded
	Username string         `json:"username"`
	Count    int            `json:"count"`
	On       bool           `json:"on"`
	Device   *device        `json:"device"`
	Roles    []string       `json:"roles"`
	Devices  []device       `json:"devices"`
	Extra    map[string]any `json:"extra"`
	At       time.Time      `json:"at"`
	Hidden   string         `json:"-"`
	Untagged string
}

func TestDecodeStrict(t *testing.T) {
	got := login{}
	in := ` {"username":"ann \ud83d\ude00","inner":"i","count":3,"on":true,"device":{"id":"1","kind":"web"},"roles":["a"],` +
		`"devices":[{"id":"2"}],"extra":{"any":{"name":[1]}},"at":"2026-01-02T03:04:05Z","Untagged":"u"} `
	if err := decodeStrict([]byte(in), &got); err != nil {
		t.Fatal(err)
	}
	want := login{
		embedded: embedded{"i"}, Username: "ann \U0001F600", Count: 3, On: true, Device: &device{"1", "web"}, Roles: []string{"a"},
		Devices: []device{{ID: "2"}}, Extra: map[string]any{"any": map[string]any{"name": []any{1.0}}},
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Untagged: "u",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDecodeStrictRefuses(t *testing.T) {
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	for in, want := range map[string]string{
		``:                                      "the body is empty",
		` `:                                     "the body is empty",
		`{`:                                     "not valid JSON, at byte 1",
		`{"username":s3cret}`:                   "not valid JSON, at byte 13",
		`{}{}`:                                  "not valid JSON, at byte 3",
		`{} s3cret`:                             "not valid JSON, at byte 4",
		`{,}`:                                   "not valid JSON",
		`{"username":"a",}`:                     "not valid JSON",
		`null`:                                  "must be a JSON object",
		`[]`:                                    "must be a JSON object",
		`"s3cret"`:                              "must be a JSON object",
		`{"user":"s3cret"}`:                     `unknown field "user"`,
		`{"Username":"s3cret"}`:                 `unknown field "Username"`,
		`{"uſername":"s3cret"}`:                 `unknown field "uſername"`,
		`{"username":"a","username":"s3cret"}`:  `field "username" is given twice`,
		`{"username":"a","user\u006eame":"b"}`:  `field "username" is given twice`,
		`{"device":{"id":"1","kin":"s3cret"}}`:  `device: unknown field "kin"`,
		`{"device":{"id":"1","id":"s3cret"}}`:   `device: field "id" is given twice`,
		`{"devices":[{"x":1}]}`:                 `devices: unknown field "x"`,
		`{"extra":{"a":{"b":1,"b":2}}}`:         `extra: a: field "b" is given twice`,
		`{"Hidden":"s3cret"}`:                   `unknown field "Hidden"`,
		`{"-":"s3cret"}`:                        `unknown field "-"`,
		`{"username":7733}`:                     "username must be a string",
		`{"count":"s3cret"}`:                    "count must be a whole number",
		`{"count":1.5}`:                         "count must be a whole number",
		`{"count":99999999999999999999}`:        "count must be a whole number",
		`{"on":"s3cret"}`:                       "on must be true or false",
		`{"roles":"s3cret"}`:                    "roles must be a list",
		`{"device":"s3cret"}`:                   "device must be an object",
		`{"device":{"kind":7733}}`:              "device.kind must be a string",
		`{"at":"s3cret"}`:                       "a value of the wrong form",
		"{\"username\":\"s3cret\xff\"}":         "not UTF-8",
		`{"username":"s3cret\ud800"}`:           "an invalid character",
		`{"extra":{"a":` + deep + `}}`:          "nested deeper than 16",
		`{"` + strings.Repeat("n", 99) + `":1}`: `unknown field "` + strings.Repeat("n", maxName) + `…"`,
	} {
		err := decodeStrict([]byte(in), &login{})
		if err == nil {
			t.Errorf("%s: no error", in)
			continue
		}
		p := asProblem(err)
		if p.Code != "bad_request" || !strings.Contains(p.Detail, want) {
			t.Errorf("%s: got %s %q, want %q", in, p.Code, p.Detail, want)
		}
		if strings.Contains(p.Detail, "s3cret") || strings.Contains(p.Detail, "7733") {
			t.Errorf("%s: value in %q", in, p.Detail)
		}
	}
	if p := asProblem(decodeStrict(make([]byte, maxJSON+1), &login{})); p.Code != "payload_too_large" {
		t.Error(p)
	}
}

func TestDecodeJSONContentType(t *testing.T) {
	app := fiber.New()
	app.Post("/", func(c *fiber.Ctx) error {
		v, err := DecodeJSON[device](c)
		if err != nil {
			return c.SendString(asProblem(err).Code)
		}
		return c.SendString(v.ID)
	})
	for _, c := range []struct{ kind, encoding, want string }{
		{"application/json", "", "7"},
		{"Application/JSON; charset=UTF-8", "", "7"},
		{"", "", "unsupported_media_type"},
		{"text/plain", "", "unsupported_media_type"},
		{"application/x-www-form-urlencoded", "", "unsupported_media_type"},
		{"application/jsonx", "", "unsupported_media_type"},
		{"application/json; charset=latin1", "", "unsupported_media_type"},
		{"application/json; =", "", "unsupported_media_type"},
		{"application/json", "gzip", "unsupported_media_type"},
		{"application/json", "identity", "unsupported_media_type"},
	} {
		req := httptest.NewRequest("POST", "/", strings.NewReader(`{"id":"7"}`))
		req.Header.Set("Content-Type", c.kind)
		if c.encoding != "" {
			req.Header.Set("Content-Encoding", c.encoding)
		}
		res, err := app.Test(req, -1)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(res.Body); string(got) != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}

// What is accepted is one JSON object that a lenient decoder reads the same.
func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"username":"a","device":{"id":"1"}}`, `{"username":"a","USERNAME":"b"}`, `[[[[`, `{"extra":{"a":[{}]}}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var got, lenient login
		if err := decodeStrict(in, &got); err != nil {
			if p := asProblem(err); p.Status == 500 || len(p.Detail) > 1000 {
				t.Fatalf("%q: %v", in, err)
			}
			return
		}
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&lenient); err != nil || !reflect.DeepEqual(got, lenient) {
			t.Fatalf("%q: %+v, %+v, %v", in, got, lenient, err)
		}
	})
}
