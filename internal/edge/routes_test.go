package edge

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/api"
	"github.com/curfew-auth/curfew/api/apitest"
)

func TestRoutesAreDocumented(t *testing.T) {
	e := &Edge{log: slog.New(slog.DiscardHandler)}
	e.config.IdentityHeaders, e.config.Assertion = "X-Curfew-", "backends"
	app, err := e.newApp(prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	apitest.CheckRoutes(t, app, api.Edge())
}
