package main

import (
	"fmt"
	"io"

	"github.com/curfew-auth/curfew/deploy/nats"
)

// banner tells a person where everything is and what to try.
func (c *cluster) banner(w io.Writer) {
	fmt.Fprintln(w, "Curfew is up. Ctrl-C stops everything and deletes its data.")
	fmt.Fprintln(w)
	for _, m := range append(append([]*member{}, c.issuers...), c.edges...) {
		fmt.Fprintf(w, "  %-10s %-24s process %d\n", m.Name(), m.url, m.Pid())
	}
	fmt.Fprintf(w, "  %-10s %s\n", "nats", c.nats.Host())
	fmt.Fprintf(w, "  %-10s %s\n", "redis", c.redis.Addr())
	fmt.Fprintf(w, "  %-10s %s\n\n", "logs", c.dir)
	fmt.Fprintf(w, "  login        %s / %s\n", c.creds.username, c.creds.password)
	fmt.Fprintf(w, "  admin token  %s\n\n", c.creds.adminToken)
	issuer, other, edge := c.issuers[0].url, c.issuers[len(c.issuers)-1].url, c.edges[0].url
	fmt.Fprintf(w, `For bin/curfew (docs/cli.md), and for an edge or a guard of your own (docs/guard.md):

  export CURFEW_ISSUER_URL=%s CURFEW_ADMIN_TOKEN=%s
  export CURFEW_NATS_URL=%s CURFEW_NATS_JS_PREFIX=%s CURFEW_REDIS_URL=%s

Log in, call an edge, log out on the other issuer, and call the edge again:

  TOKEN=$(curl -s %s/v1/login -H 'Content-Type: application/json' -d '{"username":%q,"password":%q}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i %s/v1/whoami -H "Authorization: Bearer $TOKEN"
  curl -i -X POST %s/v1/logout -H "Authorization: Bearer $TOKEN"
`, issuer, c.creds.adminToken, c.natsAs("edge"), nats.JSPrefix, c.redis.URL(), issuer, c.creds.username, c.creds.password, edge, other)
}
