package issuer

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/front"
)

const (
	eventsHeartbeat = 15 * time.Second
	// eventsPatience is how long a reader may take for what was written.
	eventsPatience = 10 * time.Second
	openTimeout    = 3 * time.Second // of opening a tail
)

// streams bounds the live streams, and ends them all.
type streams struct {
	most      int
	heartbeat time.Duration
	patience  time.Duration
	ended     context.Context
	end       context.CancelFunc

	mu      sync.Mutex
	open    int
	tenants int // of open, those of admins of a tenant
}

func newStreams(most int, r prometheus.Registerer) *streams {
	s := &streams{most: most, heartbeat: eventsHeartbeat, patience: eventsPatience}
	s.ended, s.end = context.WithCancel(context.Background())
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "curfew_event_streams", Help: "Admins who follow the events now.",
	}, func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(s.open)
	}))
	return s
}

// enter takes a place, of which admins of a tenant get half at most, so that
// there is room for those who look after all. The caller MUST call leave.
func (s *streams) enter(who identity) (leave func(), err error) {
	ofTenant := 0
	if !who.Everywhere() {
		ofTenant = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	full := s.open >= s.most || ofTenant > 0 && s.tenants >= (s.most+1)/2
	if full || s.ended.Err() != nil {
		return nil, front.Busy("too many event streams", 5*time.Second)
	}
	s.open, s.tenants = s.open+1, s.tenants+ofTenant
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open, s.tenants = s.open-1, s.tenants-ofTenant
	}), nil
}

// followEvents streams the trail as it grows, as Server-Sent Events (WHATWG
// HTML, section 9.2).
func (i *Issuer) followEvents(c *fiber.Ctx) error {
	values, err := readQuery(c, append([]string{"after"}, trailParams...)...)
	if err != nil {
		return err
	}
	filter, err := i.trailFilter(c, values)
	if err != nil {
		return err
	}
	after, err := lastEvent(c, values)
	if err != nil {
		return err
	}
	leave, err := i.streams.enter(i.admin(c))
	if err != nil {
		return err
	}
	return i.sendEvents(c, after, filter, leave)
}

// lastEvent is where a client left off. The header wins: a browser repeats the
// URL as it was, and sends the header when it reconnects.
func lastEvent(c *fiber.Ctx, values url.Values) (audit.Position, error) {
	header := string(c.Request().Header.Peek("Last-Event-ID"))
	if header == "" {
		return position(values, "after")
	}
	after, err := audit.ParsePosition(header)
	if err != nil {
		return after, front.BadRequest("Last-Event-ID is not what this service gave out")
	}
	return after, nil
}

// sendEvents begins the answer; what follows runs beside the server, which has
// put the request to another use by then.
func (i *Issuer) sendEvents(c *fiber.Ctx, after audit.Position, filter audit.Filter, leave func()) error {
	tail, err := i.openTail(i.streams.ended, after, filter)
	if err != nil {
		leave()
		return trailUnavailable(err)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set("X-Accel-Buffering", "no") // nginx would collect
	if c.Method() == http.MethodHead {
		tail.Close()
		leave()
		return nil
	}
	f := &feed{issuer: i, who: i.admin(c), filter: filter, tail: tail, conn: c.Context().Conn()}
	c.Context().SetConnectionClose() // the deadlines on it stay
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer leave()
		f.out = w
		f.run(i.streams.ended)
	})
	return nil
}

func (i *Issuer) openTail(ctx context.Context, after audit.Position, filter audit.Filter) (*audit.Tail, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return i.reader.Tail(ctx, after, filter)
}
