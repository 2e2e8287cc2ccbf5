package session

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/alexedwards/argon2id"
)

// UsersConfig says how a users file is used. The zero value is good.
type UsersConfig struct {
	Hashing  *Turns       // whose turn it is to hash; default NewTurns(0)
	Cost     Cost         // of new hashes; default the least
	Writable bool         // weaker hashes are replaced in the file as their users sign in
	Log      *slog.Logger // default: none
}

// Users is an Authenticator that holds the users of a file in memory.
type Users struct {
	UsersConfig
	path    string
	current atomic.Pointer[directory]
	rewrite sync.Mutex  // held while the file is rewritten
	loaded  os.FileInfo // what Follow compares with; Follow's alone once it runs
}

// A directory is what one version of the file says. It does not change.
type directory struct {
	byName map[userKey]account
	decoys decoys // for those who do not exist
}

type userKey struct{ tenant, username string }

type account struct {
	user User
	hash string
}

func newDirectory(accounts map[userKey]account, cost Cost) (*directory, error) {
	hashes := make([]string, 0, len(accounts)+1)
	for _, a := range accounts {
		hashes = append(hashes, a.hash)
	}
	if len(hashes) == 0 {
		hash, err := cost.hash("nobody")
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return &directory{byName: accounts, decoys: newDecoys(hashes)}, nil
}

func keyOf(c Credentials) userKey {
	if c.Tenant == "" {
		c.Tenant = DefaultTenant
	}
	return userKey{c.Tenant, c.Username}
}

// Knows says whether the file has the user. Only a caller that takes other
// names elsewhere may ask: the answer must not show in what a client sees.
func (u *Users) Knows(c Credentials) bool {
	_, known := u.current.Load().byName[keyOf(c)]
	return known
}

// KnowsID says whether the file has a user of this id in the tenant.
func (u *Users) KnowsID(tenant, userID string) bool {
	for _, a := range u.current.Load().byName {
		if a.user.Tenant == tenant && a.user.ID == userID {
			return true
		}
	}
	return false
}

// Authenticate implements Authenticator. It waits for its turn to hash.
func (u *Users) Authenticate(ctx context.Context, c Credentials) (User, error) {
	if c.oversized() {
		return User{}, ErrInvalidCredentials
	}
	done, err := u.Hashing.Take(ctx)
	if err != nil {
		return User{}, err
	}
	defer done()
	d, key := u.current.Load(), keyOf(c)
	a, known := d.byName[key]
	if !known {
		a.hash = d.decoys.of(key)
	}
	match, err := argon2id.ComparePasswordAndHash(c.Password, a.hash)
	if err != nil || !match || !known {
		return User{}, ErrInvalidCredentials
	}
	u.upgrade(c.Password, a.hash)
	return a.user, nil
}
