package contract_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	vconfig "github.com/pb33f/libopenapi-validator/config"
	verrors "github.com/pb33f/libopenapi-validator/errors"

	"github.com/curfew-auth/curfew/api"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// everywhere are headers of every answer, which no document repeats.
var everywhere = []string{"Cache-Control", "Connection", "Content-Length", "Content-Type", "Date", "X-Content-Type-Options"}

// A checker holds requests and answers against one document, strictly: what
// the document does not know is an error, be it a member, a parameter or a
// header of the answer.
type checker struct {
	validator validator.Validator
	document  map[string]any
	paths     []string
	seen      map[string]bool // METHOD path status
}

func newChecker(t *testing.T, d api.Document) *checker {
	t.Helper()
	document, err := libopenapi.NewDocument(d.YAML)
	testenv.Must(t, err)
	v, errs := validator.NewValidator(document, vconfig.WithStrictMode(), vconfig.WithFormatAssertions(),
		vconfig.WithStrictIgnorePaths("$.cookies.*"), // browsers send both; as parameters they would be said twice
		vconfig.WithStrictIgnoredHeadersExtra(everywhere...), vconfig.WithURLEncodedBodyValidation())
	for _, err := range errs {
		t.Fatal(err)
	}
	c := &checker{validator: v, seen: map[string]bool{}, document: decoded(t, d)}
	c.paths = slices.Sorted(maps.Keys(object(c.document["paths"])))
	return c
}

// check checks an answer, and the request too unless it is meant to be bad.
func (c *checker) check(t *testing.T, req *http.Request, sent string, bad bool, res *http.Response) {
	t.Helper()
	what := fmt.Sprintf("%s %s: %d", req.Method, req.URL.Path, res.StatusCode)
	req.Body = io.NopCloser(strings.NewReader(sent))
	if !bad {
		_, errs := c.validator.ValidateHttpRequestSync(req)
		report(t, what+": the request", errs)
		req.Body = io.NopCloser(strings.NewReader(sent))
	}
	_, errs := c.validator.ValidateHttpResponse(req, res)
	report(t, what, errs)
	if path := c.template(req.URL); path != "" {
		c.seen[req.Method+" "+path+" "+c.statusOf(req.Method, path, res.StatusCode)] = true
	}
}

func report(t *testing.T, what string, errs []*verrors.ValidationError) {
	t.Helper()
	for _, err := range errs {
		t.Errorf("%s: %s: %s", what, err.Message, err.Reason)
		for _, inner := range err.SchemaValidationErrors {
			t.Errorf("    %s at %s", inner.Reason, inner.KeywordLocation)
		}
	}
}

// template is the path of the document that an URL is of, the most exact one.
func (c *checker) template(u *url.URL) string {
	for _, path := range c.paths {
		if path == u.Path {
			return path
		}
	}
	for _, path := range c.paths {
		before, rest, found := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		if found && strings.HasPrefix(u.Path, before) && strings.HasSuffix(u.Path, after) && len(u.Path) > len(before)+len(after) {
			return path
		}
	}
	return ""
}

// statusOf is the status as the document has it.
func (c *checker) statusOf(method, path string, status int) string {
	code := strconv.Itoa(status)
	if _, said := c.responses(method, path)[code]; said {
		return code
	}
	return "default"
}

func (c *checker) responses(method, path string) map[string]any {
	item := object(object(c.document["paths"])[path])
	return object(object(item[strings.ToLower(method)])["responses"])
}
