package session

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
)

func TestAuthenticate(t *testing.T) {
	hash := hashOf(t, "open sesame")
	users := load(t, `
users:
  - {username: alice, password_hash: "`+hash+`", user_id: u1, roles: [admin, ops]}
  - {username: alice, password_hash: "`+hash+`", user_id: u1, tenant: acme}
  - {username: bob, password_hash: "`+hashOf(t, "other")+`", user_id: u2}
`)
	for _, c := range []struct{ tenant, username, password, want string }{
		{"default", "alice", "open sesame", "u1"},
		{"acme", "alice", "open sesame", "u1"},
		{"default", "alice", "other", ""},
		{"default", "alice", "", ""},
		{"default", "Alice", "open sesame", ""},
		{"default", "carol", "open sesame", ""},
		{"default", "carol", "other", ""},
		{"acme", "bob", "other", ""},
		{"", "alice", "open sesame", "u1"},
		{"default", "alice", "open sesame" + strings.Repeat("x", MaxPassword), ""},
		{"default", strings.Repeat("x", 1<<20), "open sesame", ""},
	} {
		got, err := users.Authenticate(t.Context(), Credentials{Tenant: c.tenant, Username: c.username, Password: c.password})
		if c.want == "" {
			if !errors.Is(err, ErrInvalidCredentials) || err.Error() != ErrInvalidCredentials.Error() {
				t.Errorf("%.20q: %v, %v", c, got, err)
			}
		} else if err != nil || got.ID != c.want || got.Tenant != cmp.Or(c.tenant, DefaultTenant) {
			t.Errorf("%.20q: %v, %v", c, got, err)
		}
	}
	got, _ := users.Authenticate(t.Context(), Credentials{Username: "alice", Password: "open sesame"})
	if !slices.Equal(got.Roles, []string{"admin", "ops"}) {
		t.Errorf("roles: %v", got.Roles)
	}
}

// Even if the decoy's password is guessed, an unknown user stays unknown.
func TestUnknownUserNeverMatches(t *testing.T) {
	users := load(t, `users: [{username: a, password_hash: "`+hashOf(t, "pw")+`", user_id: u}]`)
	if got, err := users.Authenticate(t.Context(), Credentials{Username: "nobody", Password: "pw"}); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("got %v, %v", got, err)
	}
}

// The two are measured by turns, so that a machine that does much else for a
// while slows both.
func TestUnknownUserCostsTheSame(t *testing.T) {
	full := load(t, `users: [{username: a, password_hash: "`+hashOf(t, "pw")+`", user_id: u}]`)
	for name, users := range map[string]*Users{"users": full, "no users": load(t, "users: []")} {
		known, unknown := time.Hour, time.Hour
		for range 5 {
			known, unknown = min(known, timeOf(t, full, "a")), min(unknown, timeOf(t, users, "nobody"))
		}
		if unknown < known/3 {
			t.Errorf("with %s an unknown user costs %v, a known one %v", name, unknown, known)
		}
	}
}

func timeOf(t *testing.T, users *Users, username string) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := users.Authenticate(t.Context(), Credentials{Username: username, Password: "wrong"}); !errors.Is(err, ErrInvalidCredentials) {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestHashingTakesTurns(t *testing.T) {
	users := load(t, "users: []")
	users.Hashing = NewTurns(1)
	done := take(t, users.Hashing)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := users.Authenticate(ctx, Credentials{Username: "a", Password: "b"}); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("hashed out of turn: %v", err)
	}
	done()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { users.Authenticate(t.Context(), Credentials{Username: "a", Password: "b"}) })
	}
	wg.Wait()
	if len(users.Hashing.running) != 0 {
		t.Error("a place was not given back")
	}
}

func TestLoadUsersRefuses(t *testing.T) {
	good := hashOf(t, "pw")
	user := func(extra string) string {
		return `users: [{username: a, password_hash: "` + good + `", user_id: u` + extra + `}]`
	}
	hash := func(phc string) string { return `users: [{username: a, user_id: u, password_hash: "` + phc + `"}]` }
	params := func(with string) string { return strings.Replace(good, "m=19456,t=2,p=1", with, 1) }
	for name, c := range map[string]struct{ file, want string }{
		"empty file":       {"", "no users:"},
		"no list":          {"users:\n", "no users:"},
		"unknown field":    {user(`, password: pw`), "password"},
		"unknown section":  {user("") + "\nadmins: []", "admins"},
		"two documents":    {user("") + "\n---\n" + user(""), "more than one"},
		"not yaml":         {"users: [", "yaml"},
		"no username":      {`users: [{user_id: u, password_hash: "` + good + `"}]`, "username"},
		"no user id":       {`users: [{username: a, password_hash: "` + good + `"}]`, "user_id"},
		"long tenant":      {user(`, tenant: ` + strings.Repeat("x", 257)), "tenant"},
		"empty role":       {user(`, roles: [""]`), "role"},
		"same username":    {`users: [{username: a, user_id: u, password_hash: "` + good + `"}, {username: a, user_id: v, tenant: default, password_hash: "` + good + `"}]`, "same username"},
		"same user id":     {`users: [{username: a, user_id: u, password_hash: "` + good + `"}, {username: b, user_id: u, password_hash: "` + good + `"}]`, "same username or user_id"},
		"plain password":   {hash("letmein"), "argon2id PHC"},
		"bcrypt":           {hash("$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"), "argon2id PHC"},
		"argon2i":          {hash(strings.Replace(good, "argon2id", "argon2i", 1)), "argon2id PHC"},
		"old version":      {hash(strings.Replace(good, "v=19", "v=16", 1)), "argon2id PHC"},
		"junk in hash":     {hash(params("m=19456,t=2,p=1,x=1")), "argon2id PHC"},
		"weak memory":      {hash(params("m=19455,t=2,p=1")), "too weak"},
		"weak passes":      {hash(params("m=19456,t=1,p=1")), "too weak"},
		"no lanes":         {hash(params("m=19456,t=2,p=0")), "too weak"},
		"absurd memory":    {hash(params("m=4194304,t=2,p=1")), "too costly"},
		"absurd passes":    {hash(params("m=19456,t=100000,p=1")), "too costly"},
		"absurd lanes":     {hash(params("m=19456,t=2,p=200")), "too costly"},
		"overlong hash":    {hash(good + strings.Repeat("A", 512)), "longer than"},
		"short digest":     {hash(good[:len(good)-30]), ""},
		"larger than most": {"users: []\n#" + strings.Repeat("x", maxUsersFile), "larger than"},
	} {
		_, err := LoadUsers(write(t, c.file), UsersConfig{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), good) || strings.Contains(err.Error(), "letmein")) {
			t.Errorf("%s: the error quotes the hash", name)
		}
	}
}

func TestLoadUsersReportsAll(t *testing.T) {
	_, err := LoadUsers(write(t, `users: [{username: a, user_id: u, password_hash: x}, {username: b, user_id: v, password_hash: y}]`), UsersConfig{})
	if err == nil || !strings.Contains(err.Error(), `user 1 ("a")`) || !strings.Contains(err.Error(), `user 2 ("b")`) {
		t.Error(err)
	}
	if _, err := LoadUsers(filepath.Join(t.TempDir(), "absent"), UsersConfig{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestHashPassword(t *testing.T) {
	phc := hashOf(t, "a\x00b")
	if err := checkHash(phc); err != nil {
		t.Error(err)
	}
	if match, err := argon2id.ComparePasswordAndHash("a\x00b", phc); !match || err != nil {
		t.Error(match, err)
	}
	if phc == hashOf(t, "a\x00b") {
		t.Error("one salt twice")
	}
	for _, bad := range []string{"", strings.Repeat("x", MaxPassword+1)} {
		if _, err := HashPassword(bad); err == nil {
			t.Errorf("a password of %d bytes was hashed", len(bad))
		}
	}
}

func hashOf(t *testing.T, password string) string {
	t.Helper()
	phc, err := HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	return phc
}

func load(t *testing.T, text string) *Users {
	t.Helper()
	users, err := LoadUsers(write(t, text), UsersConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return users
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
