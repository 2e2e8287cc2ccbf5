package front

import (
	"net/http"
	"net/http/pprof"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/curfew-auth/curfew/internal/loopback"
)

// Profiles is net/http/pprof for an address of this machine alone. It answers those
// alone who call the machine by such a name: a page in a browser here could have its
// own name lead to this address, and read what is in memory.
func Profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // and the named profiles
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback.Is(r.Host) {
			http.Error(w, "profiles are for this machine: call it localhost", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// ServeProfiles adds Profiles to an application.
func ServeProfiles(app *fiber.App) { app.Get("/debug/pprof/*", adaptor.HTTPHandler(Profiles())) }
