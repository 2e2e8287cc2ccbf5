package session

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func knows(t *testing.T, users *Users, name, password string) bool {
	t.Helper()
	_, err := users.Authenticate(t.Context(), Credentials{Username: name, Password: password})
	if err != nil && !errors.Is(err, ErrInvalidCredentials) {
		t.Fatal(err)
	}
	return err == nil
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func entry(name, hash string) string {
	return `users: [{username: ` + name + `, password_hash: "` + hash + `", user_id: u-` + name + `}]`
}

func TestFollowTakesChangesOver(t *testing.T) {
	hash := hashOf(t, "pw")
	path := write(t, entry("alice", hash))
	synctest.Test(t, func(t *testing.T) {
		users, err := LoadUsers(path, UsersConfig{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go users.Follow(ctx)
		polls := func(n int) {
			time.Sleep(time.Duration(n)*usersPoll + usersPoll/2)
			synctest.Wait()
		}
		put(t, path, entry("carol", hash)+"\n# longer")
		polls(1)
		if !knows(t, users, "alice", "pw") {
			t.Error("a file that may still be written was read")
		}
		polls(2)
		if knows(t, users, "alice", "pw") || !knows(t, users, "carol", "pw") {
			t.Error("the change was not taken over")
		}
		for _, bad := range []string{"users: [", "", entry("carol", "plain")} {
			put(t, path, bad)
			polls(3)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		polls(3)
		if !knows(t, users, "carol", "pw") {
			t.Error("a bad file took the users away")
		}
		put(t, path, entry("dave", hash))
		polls(3)
		if !knows(t, users, "dave", "pw") {
			t.Error("the good file after the bad ones was not read")
		}
	})
}

const annotated = `# who may sign in
users:
  - username: alice   # the boss
    password_hash: "HASH"
    user_id: u1
`

func TestUpgradeRewritesTheHashAlone(t *testing.T) {
	old := hashOf(t, "pw")
	path := write(t, strings.Replace(annotated, "HASH", old, 1))
	var log bytes.Buffer
	users, err := LoadUsers(path, UsersConfig{
		Writable: true, Cost: Cost{Memory: minMemory, Passes: 3}, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if knows(t, users, "alice", "wrong") || read(t, path) != strings.Replace(annotated, "HASH", old, 1) {
		t.Fatal("a wrong password changed the file")
	}
	if !knows(t, users, "alice", "pw") {
		t.Fatal("no login")
	}
	text := read(t, path)
	before, after, _ := strings.Cut(annotated, "HASH")
	hash := strings.TrimSuffix(strings.TrimPrefix(text, before), after)
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=3,p=1$") || strings.Contains(hash, "\n") {
		t.Fatalf("the file is now\n%s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if !knows(t, users, "alice", "pw") || knows(t, users, "alice", "wrong") || read(t, path) != text {
		t.Error("the new hash is not in use, or was replaced again")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".users-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if s := log.String(); !strings.Contains(s, "upgraded") || strings.Contains(s, "$argon2id") || strings.Contains(s, "pw ") {
		t.Errorf("log: %s", s)
	}
}

// A login does not fail for a file that cannot be rewritten.
func TestUpgradeIsOptional(t *testing.T) {
	old := hashOf(t, "pw")
	cost := Cost{Memory: minMemory, Passes: 3}
	for name, c := range map[string]struct {
		config UsersConfig
		edit   string
	}{
		"not writable":      {UsersConfig{Cost: cost}, entry("alice", old)},
		"strong enough":     {UsersConfig{Writable: true}, entry("alice", old)},
		"changed meanwhile": {UsersConfig{Writable: true, Cost: cost}, entry("alice", hashOf(t, "other"))},
		"spoiled meanwhile": {UsersConfig{Writable: true, Cost: cost}, entry("alice", old) + "\nadmins: []"},
		"the hash in twice": {UsersConfig{Writable: true, Cost: cost}, entry("alice", old) + " # " + old},
	} {
		path := write(t, entry("alice", old))
		users, err := LoadUsers(path, c.config)
		if err != nil {
			t.Fatal(err)
		}
		put(t, path, c.edit)
		if !knows(t, users, "alice", "pw") || read(t, path) != c.edit {
			t.Errorf("%s: no login, or the file was changed", name)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
