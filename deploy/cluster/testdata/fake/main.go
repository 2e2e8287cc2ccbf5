// Command fake stands in for an issuer or an edge: it prints its settings and
// serves /readyz, after refusing to be ready once.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

func main() {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return !strings.HasPrefix(kv, "CURFEW_") })
	slices.Sort(env)
	fmt.Println(strings.Join(env, "\n"))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	var asked atomic.Int32
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(9) })
	srv := &http.Server{Addr: os.Getenv("CURFEW_LISTEN")}
	context.AfterFunc(ctx, func() { srv.Close() })
	serve := srv.ListenAndServe
	if cert := os.Getenv("CURFEW_TLS_CERT"); cert != "" {
		serve = func() error { return srv.ListenAndServeTLS(cert, os.Getenv("CURFEW_TLS_KEY")) }
	}
	fmt.Println(filepath.Base(os.Args[0]), serve())
}
