package contexts_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/cli/contexts"
)

// TestUpdateAtOnce: of many changes at the same time none is lost, and whoever
// reads meanwhile reads a whole file.
func TestUpdateAtOnce(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	const n = 40
	var writers, reader sync.WaitGroup
	done := make(chan struct{})
	reader.Go(func() {
		for {
			if _, err := contexts.Load(); err != nil {
				t.Error(err)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := range n {
		writers.Go(func() {
			err := contexts.Update(t.Context(), func(f *contexts.File) error {
				f.Contexts[fmt.Sprint("c-", i)] = contexts.Context{Issuer: "https://example.com"}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	close(done)
	reader.Wait()
	if f, err := contexts.Load(); err != nil || len(f.Contexts) != n {
		t.Errorf("%d contexts, want %d: %v", len(f.Contexts), n, err)
	}
}

// TestUpdateFails: a change that fails leaves the file as it was, and so does
// one that never gets the lock.
func TestUpdateFails(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	add := func(f *contexts.File) error {
		f.Contexts["one"] = contexts.Context{Issuer: "https://example.com", AdminToken: "secret"}
		return nil
	}
	if err := contexts.Update(t.Context(), add); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "curfew", "contexts.yaml")
	before, _ := os.ReadFile(file)
	oops := errors.New("oops")
	err := contexts.Update(t.Context(), func(f *contexts.File) error { delete(f.Contexts, "one"); return oops })
	if !errors.Is(err, oops) {
		t.Errorf("error %v", err)
	}
	err = contexts.Update(t.Context(), func(*contexts.File) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := contexts.Update(ctx, add); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("two at once: %v", err)
		}
		return oops
	})
	if after, _ := os.ReadFile(file); !errors.Is(err, oops) || string(after) != string(before) {
		t.Errorf("%v; the file is\n%s", err, after)
	}
	for _, path := range []string{file, filepath.Dir(file)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestNameFor(t *testing.T) {
	for url, want := range map[string]string{
		"https://Login.Example.com": "login.example.com", "http://127.0.0.1:8080": "127.0.0.1-8080",
		"https://example.com/auth": "example.com-auth", "http://[::1]:8080": "1--8080",
	} {
		if got := contexts.NameFor(url); got != want || contexts.CheckName(got) != nil {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}
