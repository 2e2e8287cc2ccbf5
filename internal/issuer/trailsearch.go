package issuer

import (
	"cmp"
	"errors"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/front"
)

const (
	defaultEvents = 100
	maxEvents     = 1000 // on one page
	maxSearches   = 4    // at once
)

// searchTrail is the admin's look back, newest first, page by page.
func (i *Issuer) searchTrail(c *fiber.Ctx) error {
	values, err := readQuery(c, append([]string{"from", "to", "limit", "cursor"}, trailParams...)...)
	if err != nil {
		return err
	}
	query, err := i.trailSearch(c, values)
	if err != nil {
		return err
	}
	select {
	case i.searches <- struct{}{}:
		defer func() { <-i.searches }()
	default:
		return front.Busy("too many searches at once", time.Second)
	}
	page, err := i.reader.Search(c.UserContext(), query)
	switch {
	case errors.Is(err, audit.ErrRecreated):
		return front.BadRequest("cursor: the trail was made anew since; search again without it").Because(err)
	case err != nil:
		return trailUnavailable(err)
	}
	if page.Events == nil {
		page.Events = []audit.Record{}
	}
	return c.JSON(page)
}

func (i *Issuer) trailSearch(c *fiber.Ctx, values url.Values) (q audit.Query, err error) {
	var errs [5]error
	q.Before, errs[0] = position(values, "cursor")
	q.From, errs[1] = instant(values, "from")
	q.To, errs[2] = instant(values, "to")
	q.Limit, errs[3] = count(values, "limit", defaultEvents, maxEvents)
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		errs[4] = front.BadRequest("from must be before to")
	}
	if err = cmp.Or(errs[:]...); err == nil {
		q.Filter, err = i.trailFilter(c, values)
	}
	return q, err
}

func trailUnavailable(err error) error {
	return front.Unavailable("the audit trail cannot be read right now").Because(err)
}
