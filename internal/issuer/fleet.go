package issuer

import (
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/fleet"
)

type edgesResponse struct {
	Edges []fleet.Edge `json:"edges"`
	// Epoch and Seq are how far this issuer has read the log.
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
	// StalenessMS is this issuer's own bound B. EnforcedAfterMS is how long
	// after a commit no edge accepts any more what was revoked, whatever
	// edges say: it goes by the largest bound known.
	StalenessMS     int64 `json:"staleness_ms"`
	EnforcedAfterMS int64 `json:"enforced_after_ms"`
}

// listEdges shows the edges that this issuer knows of. It is not for the admin
// of one tenant: edges and their load belong to no tenant.
func (i *Issuer) listEdges(c *fiber.Ctx) error {
	pos := i.keeper.Position()
	return c.JSON(edgesResponse{
		Edges: i.fleet.Edges(), Epoch: pos.Epoch, Seq: pos.Seq,
		StalenessMS: i.config.Staleness.Milliseconds(), EnforcedAfterMS: enforcedAfter(i.fleet.Bound()).Milliseconds(),
	})
}

// watchFleet counts edges by state, and reports that could not be read.
func (i *Issuer) watchFleet(r prometheus.Registerer) {
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "curfew_edge_reports_ignored_total", Help: "Reports of edges that could not be read.",
	}, func() float64 { return float64(i.fleet.Ignored()) }))
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "curfew_waits", Help: "Calls that wait for edges to confirm a revocation.",
	}, func() float64 { return float64(i.fleet.Waits()) }))
	for _, state := range []string{"syncing", "fresh", "stale", fleet.Gone, fleet.Unreadable, fleet.Unknown} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "curfew_edges", Help: "Edges that this issuer knows of, by state.",
			ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 { return float64(i.fleet.Count(state)) }))
	}
}
