package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alexedwards/argon2id"

	"github.com/curfew-auth/curfew/deploy/nats"
)

// credentials are made anew for every cluster.
type credentials struct {
	username, password, adminToken, redisPassword string
	nats                                          nats.Trial

	keysDir, usersFile, adminTokenFile string
}

func makeCredentials(dir string) (credentials, error) {
	c := credentials{
		username: "alice", password: rand.Text(), adminToken: rand.Text(), redisPassword: rand.Text(),
		nats:           nats.NewTrial("local"),
		keysDir:        filepath.Join(dir, "keys"),
		usersFile:      filepath.Join(dir, "users.yaml"),
		adminTokenFile: filepath.Join(dir, "admin_token"),
	}
	// The least that OWASP recommends: m in KiB, t, p.
	hash, err := argon2id.CreateHash(c.password, &argon2id.Params{
		Memory: 19456, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
	if err != nil {
		return c, err
	}
	users := fmt.Sprintf("users:\n  - username: %s\n    password_hash: %q\n    user_id: u-alice\n    tenant: default\n    roles: [user]\n", c.username, hash)
	return c, errors.Join(
		os.Mkdir(c.keysDir, 0o700),
		os.WriteFile(c.usersFile, []byte(users), 0o600),
		os.WriteFile(c.adminTokenFile, []byte(c.adminToken+"\n"), 0o600),
	)
}
