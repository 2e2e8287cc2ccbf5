//go:build unix

package chaos

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/chaos/history"
	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

const (
	region     = "local"
	stream     = "CURFEW_" + region
	staleness  = 2 * time.Second // B
	startLimit = 90 * time.Second
)

// A cluster is everything that a fault can break.
type cluster struct {
	t       testing.TB
	bin     testenv.Bin
	traced  string // the edge that leaves a trace of its steps
	traces  string // where
	secrets secrets
	iss     string            // in front of all issuers
	rec     *history.Recorder // of what clients see

	layout         nats.Trial // who may do what on NATS
	nats           *backend.NATSCluster
	redis, replica *backend.Redis
	replication    *faultproxy.Proxy // from the replica to the primary
	issuers, edges []*node
	orphaned       func() // ends the lapse while every issuer is dead; nil while one lives
}

func startCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{t: t, bin: testenv.BuildBinaries(t, false), secrets: makeSecrets(t), rec: history.NewRecorder(nil)}
	c.traced, c.traces = testenv.BuildTraced(t), t.TempDir()
	c.layout = nats.NewTrial(region, foreignRegion)
	c.nats = testenv.LeapingNATSCluster(t, backend.NATSOptions{Config: c.layout.Config, Env: c.layout.Env, Login: c.layout.Login(nats.Keeper)}, 3)
	c.redis = testenv.Redis(t, backend.RedisOptions{AppendOnly: true, Leaping: true})
	c.replication = testenv.Proxy(t, c.redis.Addr())
	c.replica = testenv.Replica(t, c.redis, c.replication.Addr())
	c.iss = c.frontIssuers()
	for i := range 2 {
		c.issuers = append(c.issuers, c.startNode("issuer", c.issuerSpec(i+1)))
	}
	for i := range 3 {
		c.edges = append(c.edges, c.startNode("edge", c.edgeSpec(i+1)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for _, n := range c.all() {
		testenv.Must(t, n.awaitReady(ctx))
	}
	return c
}

func (c *cluster) all() []*node { return append(append([]*node(nil), c.issuers...), c.edges...) }

func (c *cluster) issuerSpec(i int) proc.Spec {
	return proc.Spec{Name: fmt.Sprint("issuer-", i), Path: c.bin.Issuer, Env: []string{
		"CURFEW_ISSUER_URL=" + c.iss,
		"CURFEW_STALENESS=" + staleness.String(),
		"CURFEW_NATS_REPLICAS=" + strconv.Itoa(len(c.nats.Nodes)),
		"CURFEW_KEYS_DIR=" + c.secrets.keysDir,
		"CURFEW_USERS_FILE=" + c.secrets.usersFile,
		"CURFEW_ADMIN_TOKEN=" + c.secrets.adminToken,
	}}
}

func (c *cluster) edgeSpec(i int) proc.Spec {
	name := fmt.Sprint("edge-", i)
	return proc.Spec{Name: name, Path: c.traced, Env: []string{
		traceDir + "=" + c.traces,
		"CURFEW_ISSUER_URL=" + c.iss,
		"CURFEW_STALENESS=" + staleness.String(),
		"CURFEW_EDGE_ID=" + name,
	}}
}

// startNode gives a process its links and starts it. On NATS it is that user.
func (c *cluster) startNode(user string, spec proc.Spec) *node {
	c.t.Helper()
	listen, err := port.Free()
	testenv.Must(c.t, err)
	n := &node{
		cluster: c, url: "http://" + port.Loopback(listen),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight}},
		redis:  testenv.Proxy(c.t, c.redis.Addr()),
	}
	for _, server := range c.nats.Nodes {
		n.nats = append(n.nats, testenv.Proxy(c.t, server.Host()))
	}
	spec.LogFile = filepath.Join(c.t.TempDir(), spec.Name+".log")
	spec.Env = append(spec.Env, n.env(c.layout.Login(user))...)
	n.spec = spec
	n.Process, err = proc.Start(spec)
	testenv.Must(c.t, err)
	c.t.Cleanup(n.end)
	return n
}

// end kills the node's last process and shows its log if the test failed.
func (n *node) end() {
	if err := n.Kill(); err != nil {
		n.cluster.t.Errorf("%s lives on: %v", n.spec.Name, err)
	}
	if n.cluster.t.Failed() {
		n.cluster.t.Logf("log of %s:\n%s", n.spec.Name, n.Log())
	}
}
