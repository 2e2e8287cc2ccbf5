package issuer

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

// trailParams are the parameters that say which events of the trail are meant.
var trailParams = []string{"kind", "user", "tenant", "session"}

// readQuery is onlyQuery for what searches: a filter that is empty would show
// what was not asked for.
func readQuery(c *fiber.Ctx, known ...string) (url.Values, error) {
	values, err := onlyQuery(c, known...)
	for name, given := range values {
		if slices.ContainsFunc(given, func(v string) bool {
			return v == "" || len(v) > events.MaxSubject || !utf8.ValidString(v)
		}) {
			return nil, front.BadRequest(name + ": want UTF-8 of 1 to 512 bytes")
		}
	}
	return values, err
}

// trailFilter is what the query asks for, within the admin's tenant.
func (i *Issuer) trailFilter(c *fiber.Ctx, q url.Values) (audit.Filter, error) {
	f := audit.Filter{Kinds: q["kind"], User: q.Get("user"), Tenant: q.Get("tenant"), Session: q.Get("session")}
	slices.Sort(f.Kinds)
	f.Kinds = slices.Compact(f.Kinds)
	for _, kind := range f.Kinds {
		if !slices.Contains(session.EventKinds(), kind) {
			return f, front.BadRequest("kind: want some of " + strings.Join(session.EventKinds(), ", "))
		}
	}
	if f.Tenant == "" {
		f.Tenant = i.admin(c).tenant
	} else if err := i.within(c, f.Tenant); err != nil {
		return f, err
	}
	return f, nil
}

// position reads a place in the trail, or nothing.
func position(q url.Values, name string) (audit.Position, error) {
	if !q.Has(name) {
		return audit.Position{}, nil
	}
	p, err := audit.ParsePosition(q.Get(name))
	if err != nil {
		return p, front.BadRequest(name + " is not what this service gave out")
	}
	return p, nil
}

// instant reads a time, or nothing.
func instant(q url.Values, name string) (t time.Time, err error) {
	if q.Has(name) {
		if t, err = time.Parse(time.RFC3339, q.Get(name)); err != nil || t.Year() < 1970 {
			return t, front.BadRequest(name + ": want a time such as 2026-05-01T12:00:00Z")
		}
	}
	return t, nil
}

// count reads a number from 1 to most, or takes fallback.
func count(q url.Values, name string, fallback, most int) (int, error) {
	if !q.Has(name) {
		return fallback, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 1 || n > most {
		return 0, front.BadRequest(name + ": want 1 to " + strconv.Itoa(most))
	}
	return n, nil
}
