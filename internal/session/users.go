package session

import (
	"context"
	"fmt"
	"hash/maphash"
	"runtime"

	"github.com/alexedwards/argon2id"
)

// A User is somebody who has been authenticated.
type User struct {
	ID     string
	Tenant string
	Roles  []string
}

// An Authenticator knows users. Authenticate MUST answer ErrInvalidCredentials
// alike, and after the same time, for an unknown user and a wrong password.
type Authenticator interface {
	Authenticate(ctx context.Context, tenant, username, password string) (User, error)
}

// Users is an Authenticator that holds its users in memory.
type Users struct {
	byName  map[userKey]account
	decoys  []string // a hash for those who do not exist; at least one
	seed    maphash.Seed
	hashing chan struct{} // bounds how many passwords are hashed at once
}

type userKey struct{ tenant, username string }

type account struct {
	user User
	hash string
}

func newUsers(accounts map[userKey]account) (*Users, error) {
	u := &Users{
		byName: accounts, seed: maphash.MakeSeed(),
		hashing: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	for _, a := range accounts {
		u.decoys = append(u.decoys, a.hash)
	}
	if len(u.decoys) == 0 {
		hash, err := HashPassword("nobody")
		if err != nil {
			return nil, err
		}
		u.decoys = []string{hash}
	}
	return u, nil
}

// Authenticate implements Authenticator. Passwords are hashed as many at a
// time as there are processors; waiting for a turn ends with the context.
func (u *Users) Authenticate(ctx context.Context, tenant, username, password string) (User, error) {
	if len(password) > MaxPassword || len(username) > maxName || len(tenant) > maxName {
		return User{}, ErrInvalidCredentials
	}
	select {
	case u.hashing <- struct{}{}:
		defer func() { <-u.hashing }()
	case <-ctx.Done():
		return User{}, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
	a, known := u.byName[userKey{tenant, username}]
	if !known {
		a.hash = u.decoy(tenant, username)
	}
	match, err := argon2id.ComparePasswordAndHash(password, a.hash)
	if err != nil || !match || !known {
		return User{}, ErrInvalidCredentials
	}
	return a.user, nil
}

// decoy picks the hash that an unknown name is compared with: always the same
// one for a name, so that unknown names cost what known ones do, even where
// users' hashes differ in cost. Its outcome is never used.
func (u *Users) decoy(tenant, username string) string {
	h := maphash.Comparable(u.seed, userKey{tenant, username})
	return u.decoys[h%uint64(len(u.decoys))]
}
