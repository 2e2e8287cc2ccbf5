package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/cli/contexts"
)

// renewBefore is how long before its end an access token is renewed: longer
// than a call takes to arrive.
const renewBefore = 10 * time.Second

var errNotLoggedIn = errors.New("nobody is logged in here: curfew login")

// asUser makes a call with the access token of the session in the context,
// renewed if it is time, or if it turns out to be.
func (t *target) asUser(ctx context.Context, do func(accessToken string) error) error {
	access, err := t.access(ctx, "")
	if err != nil {
		return err
	}
	err = do(access)
	if p, ok := errors.AsType[*apiclient.Problem](err); !ok || p.Status != http.StatusUnauthorized {
		return err
	}
	if access, err = t.access(ctx, access); err != nil {
		return err
	}
	return do(access)
}

// asAdmin makes a call as the admin whose token is known, else as the user of
// the session, who may be one.
func (t *target) asAdmin(ctx context.Context, do func(*apiclient.Client) error) error {
	if t.client.Bearer != "" {
		return do(t.client)
	}
	if t.known.Session == nil {
		return usage("this call needs an admin: set CURFEW_ADMIN_TOKEN, keep the token in a context (curfew context add), or log in as one (curfew login)")
	}
	return t.asUser(ctx, func(access string) error {
		as := *t.client
		as.Bearer = access
		return do(&as)
	})
}

// access returns an access token other than the refused one.
func (t *target) access(ctx context.Context, refused string) (access string, err error) {
	if t.known.Session == nil {
		return "", errNotLoggedIn
	}
	if s := t.known.Session; s.AccessToken != refused && time.Now().Add(renewBefore).Before(s.ExpiresAt) {
		return s.AccessToken, nil
	}
	var over error
	err = contexts.Update(ctx, func(f *contexts.File) error {
		access, over = t.renew(ctx, f, refused)
		if over != nil && !isOver(over) {
			return over
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return access, over
}

// renew refreshes the session, unless another command just did. A session that
// is over leaves the file.
func (t *target) renew(ctx context.Context, f *contexts.File, refused string) (string, error) {
	known, found := f.Contexts[t.name]
	s := known.Session
	if !found || s == nil {
		return "", errNotLoggedIn
	}
	if s.AccessToken == refused || !time.Now().Add(renewBefore).Before(s.ExpiresAt) {
		grant, err := t.client.Refresh(ctx, s.RefreshToken, s.DeviceID)
		switch {
		case isOver(err):
			known.Session = nil
			err = fmt.Errorf("the session is over: log in again (curfew login): %w", err)
		case err == nil:
			s = sessionOf(grant, *s)
			known.Session = s
		}
		f.Contexts[t.name] = known
		if err != nil {
			return "", err
		}
	}
	t.known = known
	return s.AccessToken, nil
}

// isOver reports whether a refresh token is good for nothing any more.
func isOver(err error) bool {
	switch apiclient.Code(err) {
	case "session_ended", "refresh_invalid", "refresh_reused":
		return true
	}
	return false
}

// sessionOf is a session with new tokens.
func sessionOf(g apiclient.Grant, old contexts.Session) *contexts.Session {
	old.AccessToken, old.RefreshToken = g.AccessToken, g.RefreshToken
	old.SessionID, old.UserID = g.SessionID, g.UserID
	old.ExpiresAt = time.Now().Add(time.Duration(g.ExpiresIn) * time.Second).UTC().Truncate(time.Second)
	return &old
}
