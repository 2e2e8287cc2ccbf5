package front

import (
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
)

// documentAge is how long a description of the service may be cached: it
// changes with the program.
const documentAge = 5 * time.Minute

// Describe serves a description of the service at /openapi.yaml and, as JSON,
// at /openapi.json, to everybody.
func Describe(app *fiber.App, yaml []byte, json func() ([]byte, error)) {
	app.Get("/openapi.yaml", func(c *fiber.Ctx) error { return sendDocument(c, "application/yaml", yaml) }) // RFC 9512
	app.Get("/openapi.json", func(c *fiber.Ctx) error {
		body, err := json()
		if err != nil {
			return err
		}
		return sendDocument(c, fiber.MIMEApplicationJSON, body)
	})
}

func sendDocument(c *fiber.Ctx, kind string, body []byte) error {
	c.Set(fiber.HeaderContentType, kind)
	c.Set(fiber.HeaderCacheControl, fmt.Sprintf("public, max-age=%d", documentAge/time.Second))
	return c.Send(body)
}
