package doctor

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

// missed tells of an edge that has fallen silent. If it answers a visit it is
// examined as any other; if something is there that does not answer, that is
// broken. If nothing is there, or nobody knows where, it may well have been
// taken away.
func (x *exam) missed(f apiclient.FleetEdge) {
	text := fmt.Sprintf("has not reported for %v", (time.Duration(f.SilentMS) * time.Millisecond).Round(time.Second))
	do := "see whether it runs and reaches NATS; if it is no more, it is forgotten after a while"
	at := slices.IndexFunc(x.edges, func(e *edge) bool { return e.api != nil && e.api.URL == f.URL && e.report == nil })
	switch {
	case at < 0:
	case x.edges[at].silent == nil && x.edges[at].last.ID == f.ID:
		text += ", but answers"
	case x.edges[at].silent == nil: // another has come in its place
	case slices.Contains(x.Edges, f.URL), !nothingThere(x.edges[at].silent):
		x.edges[at].name = f.ID
		return // complain will tell
	default:
		x.edges = slices.Delete(x.edges, at, at+1)
	}
	x.add("edge", f.ID, Warning, text, do)
}

// nothingThere: no process listens, or there is no such machine.
func nothingThere(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsNotFound
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}
