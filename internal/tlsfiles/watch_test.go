package tlsfiles

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A value is made anew every day, although no file changes, and not more often.
func TestMadeAnewDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		w, err := watch(slog.New(slog.DiscardHandler), func() (int, error) { made++; return made, nil })
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			time.Sleep(renewEvery / 101)
			w.get()
		}
		if made != 1 {
			t.Errorf("made %d times within a day", made)
		}
		time.Sleep(renewEvery)
		if got := w.get(); got != 2 {
			t.Errorf("%d, want it made anew", got)
		}
	})
}

func TestWarnings(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	for left, want := range map[time.Duration]string{-time.Hour: "has expired", 13 * 24 * time.Hour: "expires soon", 15 * 24 * time.Hour: ""} {
		b.Reset()
		warnOfExpiry(log, &x509.Certificate{NotAfter: time.Now().Add(left)}, "x.crt")
		if got := b.String(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%v left: %s", left, got)
		}
	}
	key := filepath.Join(t.TempDir(), "x.key")
	for mode, warns := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		b.Reset()
		if err := os.WriteFile(key, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		if warnOfReaders(log, key); (b.Len() > 0) != warns {
			t.Errorf("%v: %s", mode, b.String())
		}
	}
}
