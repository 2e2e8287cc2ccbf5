package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A gate is an API that answers when it is opened.
type gate struct {
	*httptest.Server
	arrived, open chan struct{}
}

func newGate(t *testing.T) *gate {
	g := &gate{arrived: make(chan struct{}), open: make(chan struct{})}
	g.Server = secureServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(g.arrived)
		select {
		case <-g.open:
		case <-time.After(patience):
		}
		io.WriteString(w, "at last")
	}))
	return g
}

// hold sends a call and returns once it has reached the API.
func (g *gate) hold(t *testing.T, c call) <-chan answer {
	t.Helper()
	answered := make(chan answer, 1)
	go func() {
		a, err := send(c)
		if err != nil {
			a.body = []byte(err.Error())
		}
		answered <- a
	}()
	select {
	case <-g.arrived:
	case <-time.After(patience):
		t.Fatal("the request never reached the API")
	}
	return answered
}
