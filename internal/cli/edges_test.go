package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestEdges lists both edges, once and again and again.
func TestEdges(t *testing.T) {
	s := newShell(t)
	s.awaitReports()
	s.run("edges").exits(0).golden("edges")
	f := jsonOf[apiclient.Fleet](s.run("edges", "-o", "json").exits(0))
	if len(f.Edges) != 2 || f.Edges[0].ID != "edge-1" || f.Edges[0].State != "fresh" || f.Edges[1].URL != s.cluster.EdgeURLs[1] {
		t.Errorf("edges are %+v", f.Edges)
	}
	w := s.start("edges", "--watch", "--interval", "100ms", "-o", "json")
	for range 3 {
		var f apiclient.Fleet
		testenv.Must(t, json.Unmarshal([]byte(w.line(w.out)), &f))
		if len(f.Edges) != 2 {
			t.Errorf("edges are %+v", f.Edges)
		}
	}
	w.ends()
	w = s.start("edges", "--watch", "--interval", "100ms")
	for frames := 0; frames < 2; {
		if line := w.line(w.out); strings.HasPrefix(line, "edge-2") {
			frames++
		} else if strings.Contains(line, "\x1b") {
			t.Errorf("no terminal, and yet %q", line)
		}
	}
	w.ends()
	s.run("edges", "--interval", "1ms").exits(2)
	t.Setenv("CURFEW_ADMIN_TOKEN", "")
	s.run("edges", "--watch").exits(2)
}

// TestDoctorWithoutRights: what cannot be looked at is not called healthy.
func TestDoctorWithoutRights(t *testing.T) {
	s := newShell(t)
	s.awaitReports()
	s.run("doctor").exits(0).prints("refused it", "edge-2").hides(s.cluster.AdminToken)
	t.Setenv("CURFEW_ADMIN_TOKEN", "")
	o := s.run("doctor", "--edge", s.cluster.EdgeURLs[0], "-o", "json").exits(1).says("could not be looked at: store of Redis, log of NATS")
	if strings.Contains(o.stdout, "FAILED") || !strings.Contains(o.stdout, `"healthy": false`) {
		t.Errorf("it says %s", o.stdout)
	}
	s.run("doctor", "--edge", "nothing").exits(2)
	s.run("doctor", "--timeout", "1ms").exits(2)
}
