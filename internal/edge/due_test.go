package edge

import (
	"encoding/base64"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
)

// TestAYoungTokenIsNotRenewed: where tokens do not outlive renew_before, each
// request would rotate the refresh token, and those at once end the session.
func TestAYoungTokenIsNotRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ lives, age, before time.Duration }{
			{15 * time.Minute, 13 * time.Minute, 2 * time.Minute}, // what it is for
			{15 * time.Minute, 450 * time.Second, time.Hour},      // longer than tokens live
			{40 * time.Second, 20 * time.Second, 2 * time.Minute}, // the last of a session
			{15 * time.Second, 10 * time.Second, 2 * time.Minute}, // and the very last
		} {
			e := &Edge{config: config.Edge{Common: config.Common{IssuerURL: "https://issuer.test"}, RenewBefore: c.before}}
			issued := time.Now().Truncate(time.Second)
			payload := fmt.Sprintf(`{"iat":%d,"roles":["ü"]}`, issued.Unix())
			a := admission{
				id:  guard.Identity{Issuer: e.config.IssuerURL, ExpiresAt: issued.Add(c.lives)},
				raw: "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln",
			}
			time.Sleep(time.Until(issued.Add(c.age - time.Second)))
			if e.due(a, nil) {
				t.Errorf("%+v: renewed a second too early", c)
			}
			time.Sleep(time.Second)
			if !e.due(a, nil) {
				t.Errorf("%+v: not renewed", c)
			}
			a.id.Issuer = "https://elsewhere.test"
			if e.due(a, nil) {
				t.Errorf("%+v: a token of another issuer was renewed", c)
			}
		}
	})
}
