//go:build unix

package doors_test

import (
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// TestEnvoyOverGRPC: the gRPC door of a real edge, asked as Envoy does.
func TestEnvoyOverGRPC(t *testing.T) {
	w := newWorld(t)
	n, err := port.Free()
	testenv.Must(t, err)
	w.startEdge(t, func(c *config.Edge) { c.ExtAuthzListen = port.Loopback(n) })
	conn, err := grpc.NewClient(port.Loopback(n), grpc.WithTransportCredentials(insecure.NewCredentials()))
	testenv.Must(t, err)
	t.Cleanup(func() { conn.Close() })
	ask := func(token string) *authv3.CheckResponse {
		res, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
			Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
				Method: "GET", Path: "/", Host: "app.example", Headers: map[string]string{"authorization": "Bearer " + token},
			}},
		}}, grpc.WaitForReady(true))
		testenv.Must(t, err)
		return res
	}
	token := w.login(t)
	ok := ask(token).GetOkResponse()
	if ok == nil || ok.Headers[0].Header.Key != "x-curfew-user" || ok.Headers[0].Header.Value != "u-1" {
		t.Fatalf("a good token: %v", ok)
	}
	w.logout(t, token)
	for answered := time.Now(); ; {
		asked := time.Since(answered)
		if no := ask(token).GetDeniedResponse(); no.GetStatus().GetCode() == 401 {
			return
		} else if asked > bound {
			t.Fatalf("%v after the logout: %v", asked, no)
		}
	}
}
