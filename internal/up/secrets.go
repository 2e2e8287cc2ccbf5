package up

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/curfew-auth/curfew/internal/session"
)

// A User may log in to a cluster; the password was made for this run.
type User struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

func (c *Cluster) keysDir() string   { return filepath.Join(c.dir, "keys") }
func (c *Cluster) usersFile() string { return filepath.Join(c.dir, "users.yaml") }

// makeSecrets makes what a service demands of its operator: an admin token,
// users, and a place for keys.
func (c *Cluster) makeSecrets() error {
	c.AdminToken = rand.Text()
	c.Users = []User{{"alice", rand.Text()}, {"bob", rand.Text()}}
	if err := os.Mkdir(c.keysDir(), 0o700); err != nil {
		return err
	}
	type account struct {
		Username     string   `yaml:"username"`
		PasswordHash string   `yaml:"password_hash"`
		UserID       string   `yaml:"user_id"`
		Roles        []string `yaml:"roles"`
	}
	var accounts []account
	for n, u := range c.Users {
		hash, err := session.HashPassword(u.Password)
		if err != nil {
			return err
		}
		accounts = append(accounts, account{u.Username, hash, fmt.Sprint("u-", n+1), []string{"user"}})
	}
	data, err := yaml.Marshal(map[string]any{"users": accounts})
	if err != nil {
		return err
	}
	return os.WriteFile(c.usersFile(), data, 0o600)
}
