package nats_test

import (
	"strings"
	"testing"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

// Regions share servers, each with its accounts. The keeper has the log of the first.
func TestTrialOfTwoRegions(t *testing.T) {
	layout := nats.NewTrial("near", "far")
	server := testenv.NATSProcess(t, backend.NATSOptions{Config: layout.Config, Env: layout.Env, Login: layout.Login(nats.Keeper)})
	streams := func(login, prefix string) jetstream.JetStream {
		nc, err := natsgo.Connect(server.As(layout.Login(login)))
		testenv.Must(t, err)
		t.Cleanup(nc.Close)
		js, err := jetstream.NewWithAPIPrefix(nc, prefix)
		testenv.Must(t, err)
		return js
	}
	for login, region := range map[string]string{"issuer": "near", "issuer_far": "far"} {
		_, err := streams(login, nats.JSPrefix).CreateStream(t.Context(), jetstream.StreamConfig{
			Name: "CURFEW_" + region, Subjects: []string{"curfew." + region + ".>"},
		})
		testenv.Must(t, err)
	}
	names := []string{}
	for name := range streams(nats.Keeper, "$JS.API").StreamNames(t.Context()).Name() {
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != "CURFEW_near" {
		t.Errorf("the keeper sees %q", got)
	}
	for _, user := range nats.Users {
		for _, login := range []string{user, user + "_far"} {
			nc, err := natsgo.Connect(server.As(layout.Login(login)))
			testenv.Must(t, err)
			nc.Close()
		}
	}
}
