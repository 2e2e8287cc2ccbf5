package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxName      = 256     // bytes of a username, user id or tenant
	maxRoles     = 32      // of one user
	maxRole      = 64      // bytes
	maxUsersFile = 8 << 20 // bytes
)

// usersFile is the file's form. Unknown fields are errors.
type usersFile struct {
	Users []userRecord `yaml:"users"`
}

type userRecord struct {
	Username     string   `yaml:"username"`
	PasswordHash string   `yaml:"password_hash"`
	UserID       string   `yaml:"user_id"`
	Tenant       string   `yaml:"tenant"`
	Roles        []string `yaml:"roles"`
}

// LoadUsers reads a users file: YAML with a list of users, each a username, a
// password_hash (argon2id PHC), a user_id, a tenant (DefaultTenant if absent)
// and roles. All that is wrong with it is reported at once.
func LoadUsers(path string) (*Users, error) {
	file, err := readUsersFile(path)
	if err != nil {
		return nil, fmt.Errorf("session: users file %s: %w", path, err)
	}
	var problems []error
	accounts := make(map[userKey]account, len(file.Users))
	ids := make(map[[2]string]bool, len(file.Users))
	for i, r := range file.Users {
		if r.Tenant == "" {
			r.Tenant = DefaultTenant
		}
		key, id := userKey{r.Tenant, r.Username}, [2]string{r.Tenant, r.UserID}
		err := r.check()
		if _, taken := accounts[key]; err == nil && (taken || ids[id]) {
			err = errors.New("another user of the tenant has the same username or user_id")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("session: users file %s: user %d (%.40q): %w", path, i+1, r.Username, err))
		}
		ids[id] = true
		accounts[key] = account{user: User{ID: r.UserID, Tenant: r.Tenant, Roles: r.Roles}, hash: r.PasswordHash}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return newUsers(accounts)
}

func readUsersFile(path string) (usersFile, error) {
	var file usersFile
	f, err := os.Open(path)
	if err != nil {
		return file, err
	}
	defer f.Close()
	data := &io.LimitedReader{R: f, N: maxUsersFile + 1}
	d := yaml.NewDecoder(data)
	d.KnownFields(true)
	err = d.Decode(&file)
	switch {
	case data.N <= 0:
		return file, fmt.Errorf("larger than %d bytes", maxUsersFile)
	case errors.Is(err, io.EOF) || err == nil && file.Users == nil:
		return file, errors.New("no users: list; write users: [] if there shall be none")
	case err != nil:
		return file, err
	}
	if err := d.Decode(&usersFile{}); !errors.Is(err, io.EOF) {
		return file, errors.New("more than one YAML document")
	}
	return file, nil
}

func (r userRecord) check() error {
	for _, f := range [...]struct{ name, value string }{
		{"username", r.Username}, {"user_id", r.UserID}, {"tenant", r.Tenant},
	} {
		if f.value == "" || len(f.value) > maxName || !utf8.ValidString(f.value) {
			return fmt.Errorf("%s must be UTF-8 of 1 to %d bytes", f.name, maxName)
		}
	}
	if len(r.Roles) > maxRoles {
		return fmt.Errorf("more than %d roles", maxRoles)
	}
	for _, role := range r.Roles {
		if role == "" || len(role) > maxRole {
			return fmt.Errorf("a role must have 1 to %d bytes", maxRole)
		}
	}
	return checkHash(r.PasswordHash)
}
