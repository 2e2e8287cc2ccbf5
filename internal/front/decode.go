package front

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

const (
	maxJSON  = 64 << 10 // bytes of a JSON body, whatever the app's limit
	maxDepth = 16       // objects and arrays inside each other
	maxName  = 40       // bytes of a client's field name that an error repeats
)

// DecodeJSON reads the body as one JSON object, strictly: the content type
// must be application/json, names must be fields of T in exact spelling and
// come once, nothing may follow. Errors are problems, and say which field is
// wrong but never repeat a value. Nothing in the result refers to the
// request's buffers.
func DecodeJSON[T any](c *fiber.Ctx) (T, error) {
	var v T
	if err := checkContent(c); err != nil {
		return v, err
	}
	// Not c.Body(), which would unpack compressed bodies without a limit.
	err := decodeStrict(c.Request().Body(), &v)
	return v, err
}

func checkContent(c *fiber.Ctx) error {
	kind, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	charset, given := params["charset"]
	if err != nil || kind != fiber.MIMEApplicationJSON || given && !strings.EqualFold(charset, "utf-8") {
		return UnsupportedMediaType("want Content-Type: application/json")
	}
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return UnsupportedMediaType("compressed bodies are not accepted")
	}
	return nil
}

func decodeStrict(body []byte, v any) error {
	if len(body) > maxJSON {
		return PayloadTooLarge()
	}
	if !utf8.Valid(body) {
		return BadRequest("the body is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return BadRequest(syntaxDetail(body, err))
	}
	if !bytes.HasPrefix(whole, []byte("{")) {
		return BadRequest("the body must be a JSON object")
	}
	w := walker{json.NewDecoder(bytes.NewReader(whole))}
	w.dec.UseNumber()
	if err := w.value(reflect.TypeOf(v).Elem(), "", 0); err != nil {
		return err
	}
	if err := json.Unmarshal(whole, v); err != nil {
		return BadRequest(typeDetail(err))
	}
	return nil
}

// syntaxDetail gives a position only: the library's text quotes the input.
func syntaxDetail(body []byte, err error) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return "the body is empty"
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("the body is not valid JSON, at byte %d", syntax.Offset)
	}
	return "the body is not valid JSON"
}

func typeDetail(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return wrong.Field + " must be " + noun(wrong.Type)
	}
	return "a field has a value of the wrong form"
}

func noun(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number in range"
	}
}

func shorten(name string) string {
	if len(name) > maxName {
		return name[:maxName] + "…"
	}
	return name
}
