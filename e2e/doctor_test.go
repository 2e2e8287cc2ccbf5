package e2e_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// TestDoctor breaks one thing after another: each is found, named, and nothing
// else is blamed for it.
func TestDoctor(t *testing.T) {
	w := newWard(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *ward)
	}{
		{"health", findHealth},
		{"edge that lags", findLag},
		{"edge with another key", findWrongKey},
		{"edge with a wrong clock", findWrongClock},
		{"edge that looks at no revocations", findStateless},
		{"edge that is stopped", findStopped},
		{"edge that is cut off for long", findCutOff},
		{"edge that is no more", passOverKilled},
		{"revocation that an edge misses", missConfirmation},
		{"NATS down", findNATSDown},
		{"Redis down", findRedisDown},
		{"both down", findBothDown},
		{"issuer down", findIssuerDown},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, w) })
	}
}

// findHealth: nothing is broken, every edge was visited, and nothing is left.
func findHealth(t *testing.T, w *ward) {
	all := w.finds(t, nil, w.second(t))
	for _, check := range []string{"login", "revoke", "edge"} {
		for _, edge := range []string{"edge-1", "edge-2"} {
			if !slices.ContainsFunc(all, func(f finding) bool { return f.Check == check && f.Who == edge && f.Result == "ok" }) {
				t.Errorf("no word of %s of %s: %+v", check, edge, all)
			}
		}
	}
	a := w.do(t, call{url: w.issuer.url + "/admin/v1/revocations", bearer: w.admin, body: `{"scope":"all","dry_run":true}`})
	if !strings.Contains(string(a.body), `"sessions":0`) {
		t.Errorf("a session is left behind: %s", a.body)
	}
}

func findLag(t *testing.T, w *ward) {
	between := testenv.Proxy(t, w.natsHost)
	edge := w.second(t, w.natsAt("edge", between.Addr()))
	testenv.Must(t, between.Stall())
	w.finds(t, []string{"edge edge-2"}, edge)
}

func findWrongKey(t *testing.T, w *ward) {
	public, _, err := ed25519.GenerateKey(nil)
	testenv.Must(t, err)
	other := secureServer(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(rw, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"other","x":%q}]}`,
			base64.RawURLEncoding.EncodeToString(public))
	}))
	t.Cleanup(other.Close)
	edge := w.second(t, "CURFEW_JWKS_URL="+other.URL)
	w.reported(t, "edge-2", `"other"`)
	w.finds(t, []string{"keys edge-2", "login edge-2"}, edge)
}

// reported waits until the issuer has heard of an edge of which its report says
// all of that, so that it is not an earlier one of the same name.
func (w *ward) reported(t *testing.T, id string, says ...string) {
	t.Helper()
	says = append(says, `"id":"`+id+`"`)
	testenv.Eventually(t, patience, func() error {
		a, err := send(call{url: w.issuer.url + "/admin/v1/edges", bearer: w.admin})
		if err != nil {
			return err
		}
		var list struct{ Edges []json.RawMessage }
		if err := json.Unmarshal(a.body, &list); err != nil {
			return err
		}
		if !slices.ContainsFunc(list.Edges, func(edge json.RawMessage) bool { return containsAll(string(edge), says) }) {
			return fmt.Errorf("%s has not reported: %s", id, a.body)
		}
		return nil
	})
}

func containsAll(text string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

func findWrongClock(t *testing.T, w *ward) {
	shifted := testenv.BuildShifted(t)
	for _, off := range []time.Duration{-7 * time.Minute, 7 * time.Minute} {
		spec := proc.Spec{
			Name: "edge-2", Path: w.bin.Edge, LogFile: filepath.Join(t.TempDir(), "log"),
			Env: append(w.common("edge"), "CURFEW_LISTEN="+port.Loopback(w.ports[3]), "CURFEW_EDGE_ID=edge-2", wardStaleness),
		}
		shifted.Apply(&spec, off)
		edge := &service{Process: testenv.Process(t, spec), url: "https://" + port.Loopback(w.ports[3])}
		edge.awaitReady(t)
		all := w.finds(t, []string{"clock edge-2"}, edge)
		word := map[bool]string{true: "behind", false: "ahead"}[off < 0]
		if !slices.ContainsFunc(all, func(f finding) bool { return f.Check == "clock" && strings.Contains(f.Text, word) }) {
			t.Errorf("%v: %+v", off, all)
		}
		stop(t, edge)
	}
}

func findStateless(t *testing.T, w *ward) {
	edge := w.second(t, "CURFEW_CHECK_MODE=stateless")
	w.reported(t, "edge-2", `"stateless"`)
	w.finds(t, []string{"revoke edge-2"}, edge)
}

func findStopped(t *testing.T, w *ward) {
	edge := w.second(t, "CURFEW_EDGE_URL=https://"+port.Loopback(w.ports[3]))
	w.reported(t, "edge-2", edge.url)
	testenv.Must(t, edge.Pause())
	w.finds(t, []string{"edge edge-2"}, edge)
	w.reported(t, "edge-2", `"state":"gone"`)
	w.finds(t, []string{"edge edge-2"})
}

// findCutOff: an edge that the issuer has lost sight of serves on.
func findCutOff(t *testing.T, w *ward) {
	between := testenv.Proxy(t, w.natsHost)
	w.second(t, w.natsAt("edge", between.Addr()), "CURFEW_EDGE_URL=https://"+port.Loopback(w.ports[3]))
	w.reported(t, "edge-2", `"fresh"`)
	testenv.Must(t, between.Stall())
	w.reported(t, "edge-2", `"state":"gone"`)
	all := w.finds(t, []string{"edge edge-2"})
	if !slices.ContainsFunc(all, func(f finding) bool { return f.Who == "edge-2" && strings.Contains(f.Text, "but answers") }) {
		t.Errorf("no word of its silence: %+v", all)
	}
}

// passOverKilled: of an edge whose process has ended it warns.
func passOverKilled(t *testing.T, w *ward) {
	edge := w.second(t, "CURFEW_EDGE_URL=https://"+port.Loopback(w.ports[3]))
	w.reported(t, "edge-2", `"fresh"`)
	testenv.Must(t, edge.Kill())
	w.reported(t, "edge-2", `"state":"gone"`)
	all := w.finds(t, nil)
	if !slices.ContainsFunc(all, func(f finding) bool { return f.Who == "edge-2" && f.Result == "warning" }) {
		t.Errorf("no word of it: %+v", all)
	}
}

func findNATSDown(t *testing.T, w *ward) {
	testenv.Must(t, w.nats.Kill())
	w.finds(t, []string{"log NATS"})
	testenv.Must(t, w.nats.Restart(t.Context()))
	w.recovers(t)
}

func findRedisDown(t *testing.T, w *ward) {
	testenv.Must(t, w.redis.Kill())
	w.finds(t, []string{"store Redis"})
	testenv.Must(t, w.redis.Restart(t.Context()))
	w.recovers(t)
}

// recovers waits until the doctor finds nothing any more.
func (w *ward) recovers(t *testing.T) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if o, _ := w.examine(t); o.code != 0 {
			return fmt.Errorf("not yet: %s", o.stderr)
		}
		return nil
	})
}

func findBothDown(t *testing.T, w *ward) {
	testenv.Must(t, w.redis.Kill())
	testenv.Must(t, w.nats.Kill())
	w.finds(t, []string{"log NATS", "store Redis"})
}

func findIssuerDown(t *testing.T, w *ward) {
	testenv.Must(t, w.issuer.Kill())
	w.finds(t, []string{"issuer " + w.issuer.url})
}
