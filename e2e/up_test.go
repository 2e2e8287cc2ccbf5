package e2e_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// An upProcess is a running `curfew up`.
type upProcess struct {
	*proc.Process
	out *bufio.Reader
	tmp string // its TMPDIR
}

func startUp(t *testing.T, args ...string) *upProcess {
	t.Helper()
	bin := testenv.BuildBinaries(t, false).Curfew
	ceiling.Of(t, 4*patience) // what it prints is waited for without a limit
	tmp, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	r, w := io.Pipe()
	p := testenv.Process(t, proc.Spec{
		Name: "curfew up", Path: bin, Args: append([]string{"up", "--port", "0"}, args...),
		Env: []string{"TMPDIR=" + tmp}, LogFile: log, Stdout: w,
	})
	go func() { <-p.Done(); w.Close() }() // whoever still reads gets an end
	return &upProcess{Process: p, out: bufio.NewReader(r), tmp: tmp}
}

// interrupt is Ctrl-C. Nothing may be left behind, and nothing more be said.
func (u *upProcess) interrupt(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(u.tmp); err != nil || len(left) == 0 {
		t.Errorf("TMPDIR is not where it keeps its files: %v, %v", left, err)
	}
	rest := make(chan string)
	go func() { text, _ := io.ReadAll(u.out); rest <- string(text) }()
	testenv.Must(t, u.Signal(syscall.SIGINT))
	mustEnd(t, u.Process, 0)
	if more := <-rest; more != "" {
		t.Errorf("more on standard output: %q", more)
	}
	mustBeEmpty(t, u.tmp)
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestUpJSON walks login to logout with nothing but what the line says.
func TestUpJSON(t *testing.T) {
	u := startUp(t, "--json", "--edges", "2")
	line, err := u.out.ReadBytes('\n')
	testenv.Must(t, err)
	var said struct {
		Issuer     string   `json:"issuer"`
		Edges      []string `json:"edges"`
		AdminToken string   `json:"admin_token"`
		Users      []struct {
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"users"`
	}
	testenv.Must(t, json.Unmarshal(line, &said))
	if len(said.Edges) != 2 || len(said.Users) == 0 || said.Users[0].Username != "alice" || said.AdminToken == "" {
		t.Fatalf("it says %s", line)
	}
	c := &cluster{setup: &setup{secrets: &secrets{}}, issuers: []*service{{Process: u.Process, url: said.Issuer}}}
	for _, url := range said.Edges {
		c.edges = append(c.edges, &service{Process: u.Process, url: url})
	}
	for _, s := range c.services() {
		testenv.Must(t, s.probe("/readyz", http.StatusOK)) // at once: it had promised
	}
	g := decode[grant](t, c.do(t, call{url: said.Issuer + "/v1/login", body: toJSON(said.Users[0])}))
	c.mustAccept(t, g)
	list := decode[sessionList](t, c.do(t, call{url: said.Issuer + "/admin/v1/users/" + g.UserID + "/sessions", bearer: said.AdminToken}))
	if len(list.Sessions) != 1 {
		t.Errorf("sessions of alice: %+v", list)
	}
	c.logout(t, g)
	c.mustRefuse(t, g)
	u.interrupt(t)
	for _, text := range []string{said.AdminToken, said.Users[0].Password, g.RefreshToken, g.AccessToken} {
		if strings.Contains(u.Log(), text) {
			t.Errorf("the log holds a secret: %s", u.Log())
		}
	}
}
