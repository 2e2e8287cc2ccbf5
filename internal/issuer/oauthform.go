package issuer

import (
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// maxForm bounds a form, in bytes: a token has at most 8 KiB.
const maxForm = 16 << 10

// A form holds the parameters of a request that came with a value.
type form map[string]string

// readForm reads the body. A parameter without a value counts as left out, and
// one that comes twice is an error (RFC 6749 section 3.2). The URL is not
// read: tokens have no place in it. Nothing refers to the request's buffers.
func readForm(c *fiber.Ctx) (form, error) {
	if err := checkForm(c); err != nil {
		return nil, err
	}
	// Not c.Body(), which would unpack compressed bodies without a limit.
	values, err := url.ParseQuery(string(c.Request().Body()))
	if err != nil { // its text quotes the body
		return nil, badForm("the form is malformed")
	}
	f := make(form, len(values))
	for name, given := range values {
		switch {
		case len(given) > 1:
			return nil, badForm("a parameter is given twice")
		case !utf8.ValidString(given[0]):
			return nil, badForm("a parameter is not UTF-8")
		case given[0] != "":
			f[name] = given[0]
		}
	}
	return f, nil
}

func checkForm(c *fiber.Ctx) error {
	kind, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	charset, given := params["charset"]
	switch {
	case err != nil, kind != fiber.MIMEApplicationForm, given && !strings.EqualFold(charset, "utf-8"):
		return badForm("want Content-Type: application/x-www-form-urlencoded")
	case c.Get(fiber.HeaderContentEncoding) != "":
		return badForm("compressed bodies are not accepted")
	case len(c.Request().Body()) > maxForm:
		return badForm("the form has more than 16 KiB")
	}
	return nil
}

func badForm(what string) error { return &oauthError{invalidRequest, what} }

// required returns a parameter that must be there.
func (f form) required(name string) (string, error) {
	if f[name] == "" {
		return "", badForm(name + " is required")
	}
	return f[name], nil
}
