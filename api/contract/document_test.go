package contract_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/api"
	"github.com/curfew-auth/curfew/internal/testenv"
)

var documents = map[string]api.Document{"issuer": api.Issuer(), "edge": api.Edge()}

// object is a JSON object, or nothing.
func object(v any) map[string]any { m, _ := v.(map[string]any); return m }

func decoded(t *testing.T, d api.Document) (v map[string]any) {
	t.Helper()
	data, err := d.JSON()
	testenv.Must(t, err)
	testenv.Must(t, json.Unmarshal(data, &v))
	return v
}

func TestDocumentsAreValid(t *testing.T) {
	for name, d := range documents {
		_, errs := newChecker(t, d).validator.ValidateDocument()
		report(t, name, errs)
	}
}

// Examples are held to what they are examples of.
func TestExamplesAreValid(t *testing.T) {
	for name, d := range documents {
		c := newChecker(t, d)
		n := 0
		for _, path := range c.paths {
			for method := range object(object(c.document["paths"])[path]) {
				n += c.checkExamples(t, method, path)
			}
		}
		if t.Logf("%s: %d examples", name, n); n < 5 {
			t.Errorf("%s: %d examples; are they found?", name, n)
		}
	}
}

func (c *checker) checkExamples(t *testing.T, method, path string) (n int) {
	op := object(object(object(c.document["paths"])[path])[method])
	u, err := url.Parse("http://localhost" + strings.NewReplacer("{id}", "x", "{path}", "x").Replace(path))
	testenv.Must(t, err)
	for kind, media := range object(c.resolve(op["requestBody"])["content"]) {
		for _, example := range examples(object(media)) {
			n++
			req := &http.Request{Method: strings.ToUpper(method), URL: u, Header: http.Header{"Content-Type": {kind}}, Body: body(t, example)}
			_, errs := c.validator.GetRequestBodyValidator().ValidateRequestBody(req)
			report(t, method+" "+path+": an example of the body", errs)
		}
	}
	for status, response := range object(op["responses"]) {
		for kind, media := range object(c.resolve(response)["content"]) {
			for _, example := range examples(object(media)) {
				n++
				code, _ := strconv.Atoi(status)
				req := &http.Request{Method: strings.ToUpper(method), URL: u, Header: http.Header{}}
				res := &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {kind}}, Body: body(t, example)}
				_, errs := c.validator.GetResponseBodyValidator().ValidateResponseBody(req, res)
				for _, err := range errs {
					if err.Message != "Missing required header" {
						t.Errorf("%s %s: an example of %s: %v", method, path, status, err)
					}
				}
			}
		}
	}
	return n
}

// resolve follows a reference, if it is one.
func (c *checker) resolve(v any) map[string]any {
	m := object(v)
	ref, is := m["$ref"].(string)
	if !is {
		return m
	}
	at := any(c.document)
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at = object(at)[part]
	}
	return object(at)
}

func examples(media map[string]any) (out []any) {
	if example, given := media["example"]; given {
		out = append(out, example)
	}
	several := object(media["examples"])
	for _, name := range slices.Sorted(maps.Keys(several)) {
		out = append(out, object(several[name])["value"])
	}
	return out
}

func body(t *testing.T, v any) io.ReadCloser {
	t.Helper()
	data, err := json.Marshal(v)
	testenv.Must(t, err)
	return io.NopCloser(bytes.NewReader(data))
}
