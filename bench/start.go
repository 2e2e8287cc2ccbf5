package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/events"
)

// measureStart starts an edge, a process of its own, on a long log, beside a
// raw ordered consumer that reads the same log and does nothing with it.
func measureStart(ctx context.Context, b *bench) error {
	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	bin := filepath.Join(w.dir, "edge")
	build := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/edge")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := errors.Join(w.fill(b.revocations), w.answer(ctx)); err != nil {
		return err
	}
	var raw, fresh, ratios, resident []float64
	for range b.count {
		r, err := w.replay(ctx, b.revocations)
		if err != nil {
			return err
		}
		f, mib, err := w.startProcess(ctx, bin, b.revocations)
		if err != nil {
			return err
		}
		raw, fresh, resident = append(raw, r.Seconds()), append(fresh, f.Seconds()), append(resident, mib)
		ratios = append(ratios, f.Seconds()/r.Seconds())
	}
	b.add(row{fmt.Sprintf("an edge starting with %d live revocations: start to fresh, against a raw ordered replay", b.revocations),
		fmt.Sprintf("%.2f s", median(fresh)), fmt.Sprintf("%.2f s", median(raw)), fmt.Sprintf("%.2f", median(ratios)),
		"3 s", judge(median(fresh) <= 3)})
	b.add(row{"its resident memory, the most it ever had", fmt.Sprintf("%.0f MB", median(resident)), "", "", "250 MB", judge(median(resident) <= 250)})
	return nil
}

// fill publishes so many revocations as an issuer writes them.
func (w *world) fill(n int) error {
	nc, err := w.connect()
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return err
	}
	subject := "curfew.local.revoke." + string(events.ScopeSession)
	for range n {
		data, err := revocation().Encode()
		if err != nil {
			return err
		}
		msg := nats.NewMsg(subject)
		msg.Data = data
		if _, err := js.PublishMsgAsync(msg, jetstream.WithMsgTTL(12*time.Hour), jetstream.WithStallWait(patience)); err != nil {
			return err
		}
	}
	<-js.PublishAsyncComplete()
	state, err := w.log.State(context.Background())
	if err == nil && state.Revocations != uint64(n) {
		err = fmt.Errorf("published %d revocations, the log has %d", n, state.Revocations)
	}
	return err
}

func revocation() events.Revocation {
	return events.Revocation{
		ID: uuid.NewString(), Scope: events.ScopeSession, Issuer: issuer, Subject: uuid.NewString(),
		Stamp: time.Now().UnixMilli(), TTLMillis: (12 * time.Hour).Milliseconds(), Reason: "logout", Actor: "user",
	}
}

// replay reads the log with the client library's own ordered consumer.
func (w *world) replay(ctx context.Context, n int) (time.Duration, error) {
	nc, err := events.Connect(w.nats.ClientURL(), "", "raw", quiet)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	start := time.Now()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	cons, err := js.OrderedConsumer(ctx, events.Subjects{Region: "local"}.Stream(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, err
	}
	var read int
	var once sync.Once
	whole := make(chan struct{})
	consuming, err := cons.Consume(func(jetstream.Msg) {
		if read++; read >= n {
			once.Do(func() { close(whole) })
		}
	})
	if err != nil {
		return 0, err
	}
	defer consuming.Stop()
	select {
	case <-whole:
		return time.Since(start), nil
	case <-time.After(patience):
		return 0, errors.New("the raw replay does not come to its end")
	}
}

// startProcess starts an edge and waits until it is fresh and holds the whole
// log. It returns how long that took and the edge's greatest resident memory.
func (w *world) startProcess(ctx context.Context, bin string, entries int) (took time.Duration, mib float64, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	address := ln.Addr().String()
	ln.Close()
	cmd := exec.CommandContext(ctx, bin)
	cmd.Env = append(os.Environ(), "CURFEW_LISTEN="+address, "CURFEW_NATS_URL="+w.nats.ClientURL(), "CURFEW_REDIS_URL="+w.redis.URL(),
		"CURFEW_ISSUER_URL="+issuer, "CURFEW_AUDIENCE="+audience, "CURFEW_JWKS_URL="+w.jwks, "CURFEW_LOG_LEVEL=error", "CURFEW_EDGE_ID=bench", "CURFEW_DRAIN_DELAY=0s")
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	if err := await(func() error { return isFresh(address, entries) }); err != nil {
		return 0, 0, err
	}
	took = time.Since(start)
	mib, err = peakMemory(cmd.Process.Pid)
	return took, mib, err
}

func isFresh(address string, entries int) error {
	res, err := http.Get("http://" + address + "/statusz")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var status struct {
		State   string `json:"state"`
		Entries int    `json:"entries"`
	}
	if err := json.NewDecoder(res.Body).Decode(&status); err != nil {
		return err
	}
	if status.State != "fresh" || status.Entries < entries {
		return fmt.Errorf("the edge is %s with %d entries", status.State, status.Entries)
	}
	return nil
}

// peakMemory is VmHWM, in megabytes.
func peakMemory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	line, _, _ := strings.Cut(rest, " kB")
	kib, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
	return kib * 1024 / 1e6, err
}
