package guard_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/curfew-auth/curfew/guard"
)

// Three lines protect every handler behind the middleware.
func Example() {
	g, err := guard.New(context.Background(), guard.Config{
		ID: "api-1", NATSURL: os.Getenv("CURFEW_NATS_URL"), RedisURL: os.Getenv("CURFEW_REDIS_URL"),
		Issuer: "http://localhost:8080", Audience: "curfew",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()
	protect := guard.Middleware(g)

	http.Handle("/hello", protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := guard.IdentityFrom(r.Context())
		fmt.Fprintln(w, "hello", id.UserID)
	})))
	log.Fatal(http.ListenAndServe("localhost:9091", nil))
}

// A route that moves money asks the store at every request; one that streams
// stops when its user is signed out.
func ExampleMiddleware() {
	var g *guard.Guard // from guard.New
	var transfer, events http.Handler

	strict := guard.Middleware(g, guard.WithMode(guard.Strict))
	live := guard.Middleware(g, guard.Live())
	teller := guard.RequireRoles("teller")

	http.Handle("POST /transfers", strict(teller(transfer)))
	http.Handle("GET /events", live(events))
}

func ExampleRefusalOf() {
	err := fmt.Errorf("%w: gone", guard.ErrRevoked)
	r := guard.RefusalOf(err)
	fmt.Println(r.Status, r.Code, r.Header().Get("WWW-Authenticate"))
	// Output: 401 token_revoked Bearer error="invalid_token"
}
