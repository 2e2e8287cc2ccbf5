package edge

import (
	"errors"
	"testing"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/front"
)

// A guard inside a program answers what the edge answers.
func TestGuardAnswersAsTheEdge(t *testing.T) {
	for _, err := range []error{guard.ErrMalformed, guard.ErrExpired, guard.ErrRevoked, guard.ErrInvalid, guard.ErrRefreshRequired, guard.ErrUnknown} {
		p, ok := errors.AsType[*front.Problem](problem(err))
		if !ok {
			t.Fatalf("%v is no problem", err)
		}
		if r := guard.RefusalOf(err); r.Code != p.Code || r.Status != p.Status || r.Title != p.Title || !errors.Is(r, err) {
			t.Errorf("%v: %+v, the edge says %+v", err, r, p)
		}
	}
	for err, p := range map[error]*front.Problem{guard.ErrMissing: front.TokenMissing(), guard.ErrForbidden: front.Forbidden()} {
		if r := guard.RefusalOf(err); r.Code != p.Code || r.Status != p.Status || r.Title != p.Title {
			t.Errorf("%v: %+v, the edge says %+v", err, r, p)
		}
	}
	if guard.AccessCookie != front.AccessCookie {
		t.Error(guard.AccessCookie)
	}
}
