package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/devcerts"
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
	curl, settings := "curl", ""
	if c.certs != "" {
		curl = "curl --cacert " + devcerts.Cert(c.certs, devcerts.Authority)
		settings = "  export " + strings.Join(devcerts.Settings(c.certs, "edge"), " ") + "\n"
	}
	fmt.Fprintf(w, `For bin/curfew (docs/cli.md), and for an edge or a guard of your own (docs/guard.md):

  export CURFEW_ISSUER_URL=%s CURFEW_ADMIN_TOKEN=%s
  export CURFEW_NATS_URL=%s CURFEW_NATS_JS_PREFIX=%s CURFEW_REDIS_URL=%s
%s
Log in, call an edge, log out on the other issuer, and call the edge again:

`, issuer, c.creds.adminToken, c.natsAs("edge"), nats.JSPrefix, c.redis.URL(), settings)
	fmt.Fprintf(w, `  TOKEN=$(%s -s %s/v1/login -H 'Content-Type: application/json' -d '{"username":%q,"password":%q}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  %[1]s -i %[5]s/v1/whoami -H "Authorization: Bearer $TOKEN"
  %[1]s -i -X POST %[6]s/v1/logout -H "Authorization: Bearer $TOKEN"
`, curl, issuer, c.creds.username, c.creds.password, edge, other)
}
