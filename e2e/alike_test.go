package e2e_test

import (
	"crypto/rand"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"
)

// answerAlike: whoever guesses cannot tell an unknown user from a wrong
// password, not by the answer and not by its time. The medians of interleaved
// tries may differ by a factor that a skipped hash exceeds by far.
func answerAlike(t *testing.T, c *cluster) {
	const tries, factor = 11, 4
	users := []string{"alice", "mallory"}
	took := map[string][]time.Duration{}
	var first problem
	for n := range tries * len(users) {
		user, password := users[n%2], rand.Text()
		c.secrets.remember("a wrong password", password)
		start := time.Now()
		a := c.do(t, call{url: c.issuers[0].url + "/v1/login", body: toJSON(map[string]string{"username": user, "password": password})})
		took[user] = append(took[user], time.Since(start))
		p := a.mustRefuse(t, http.StatusUnauthorized, "invalid_credentials")
		p.RequestID = ""
		if n == 0 {
			first = p
		}
		if !reflect.DeepEqual(p, first) || a.header.Get("WWW-Authenticate") != `Bearer realm="curfew"` {
			t.Errorf("%s got another answer: %s", user, a.body)
		}
	}
	known, unknown := median(took["alice"]), median(took["mallory"])
	t.Logf("wrong password %v, unknown user %v", known, unknown)
	if ratio := float64(known) / float64(unknown); ratio > factor || ratio < 1/factor {
		t.Errorf("a wrong password takes %v, an unknown user %v", known, unknown)
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
