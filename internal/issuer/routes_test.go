package issuer

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/api"
	"github.com/curfew-auth/curfew/api/apitest"
)

func TestRoutesAreDocumented(t *testing.T) {
	i := &Issuer{log: quiet}
	apitest.CheckRoutes(t, i.newApp(prometheus.NewRegistry()), api.Issuer())
}
