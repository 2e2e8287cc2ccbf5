// Notes is a small API that a guard protects. The README beside it says how to
// run it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/guard"
)

const (
	maxNote  = 4 << 10 // bytes
	maxNotes = 100     // of one user
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, "localhost:9091"); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address string) error {
	g, err := guard.New(ctx, guard.Config{
		ID: "notes-1", NATSURL: os.Getenv("CURFEW_NATS_URL"), NATSJSPrefix: os.Getenv("CURFEW_NATS_JS_PREFIX"), RedisURL: os.Getenv("CURFEW_REDIS_URL"),
		Issuer: "http://127.0.0.1:8080", Audience: "curfew",
	})
	if err != nil {
		return err
	}
	defer g.Close()
	server := &http.Server{Addr: address, Handler: routes(g), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	log.Print("listening on http://", address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func routes(g *guard.Guard) http.Handler {
	protect := guard.Middleware(g)
	strict := guard.Middleware(g, guard.WithMode(guard.Strict))
	live := guard.Middleware(g, guard.Live())

	n := &notes{byUser: map[string][]string{}}
	mux := http.NewServeMux()
	mux.Handle("GET /notes", protect(http.HandlerFunc(n.list)))
	mux.Handle("POST /notes", protect(http.HandlerFunc(n.add)))
	mux.Handle("DELETE /notes", strict(http.HandlerFunc(n.clear)))
	mux.Handle("GET /clock", live(http.HandlerFunc(clock)))
	return mux
}

// notes of everyone, in memory.
type notes struct {
	mu     sync.Mutex
	byUser map[string][]string
}

func (n *notes) list(w http.ResponseWriter, r *http.Request) {
	id, _ := guard.IdentityFrom(r.Context())
	n.mu.Lock()
	mine := append([]string{}, n.byUser[id.UserID]...)
	n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(mine)
}

func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	id, _ := guard.IdentityFrom(r.Context())
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNote))
	if err != nil || len(text) == 0 {
		http.Error(w, "a note has 1 to 4096 bytes", http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.byUser[id.UserID]) == maxNotes {
		http.Error(w, "you have 100 notes; delete them first", http.StatusConflict)
		return
	}
	n.byUser[id.UserID] = append(n.byUser[id.UserID], string(text))
	w.WriteHeader(http.StatusCreated)
}

func (n *notes) clear(w http.ResponseWriter, r *http.Request) {
	id, _ := guard.IdentityFrom(r.Context())
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byUser, id.UserID)
	w.WriteHeader(http.StatusNoContent)
}

// clock sends the time every second, until the user is signed out.
func clock(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		fmt.Fprintf(w, "data: %s\n\n", time.Now().Format(time.TimeOnly))
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			fmt.Fprintf(w, "event: end\ndata: %s\n\n", guard.RefusalOf(context.Cause(r.Context())).Code)
			return
		}
	}
}
