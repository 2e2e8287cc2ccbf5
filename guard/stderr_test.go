package guard_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// aloneEnv has this test be another program, with a guard whose servers are away.
const aloneEnv = "CURFEWTEST_GUARD_ALONE"

// TestNothingPastTheLog: no library that a guard brings along writes to standard error.
func TestNothingPastTheLog(t *testing.T) {
	if os.Getenv(aloneEnv) != "" {
		beAlone(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNothingPastTheLog$")
	cmd.Env = append(os.Environ(), aloneEnv+"=1")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v, standard error: %s\n%s", err, stderr.String(), out.String())
	}
}

func beAlone(t *testing.T) {
	nobody, err := port.Free()
	testenv.Must(t, err)
	var log testenv.Lines
	g, err := guard.New(t.Context(), guard.Config{
		ID: "alone", NATSURL: "nats://" + port.Loopback(nobody), RedisURL: "redis://" + port.Loopback(nobody), Issuer: "http://" + port.Loopback(nobody), Audience: "a",
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), Staleness: time.Second,
	})
	testenv.Must(t, err)
	defer g.Close()
	testenv.Eventually(t, 20*time.Second, func() error {
		if !strings.Contains(log.String(), "redis client") {
			return errors.New("go-redis has not said that nobody is there")
		}
		return nil
	})
}
