package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"go.yaml.in/yaml/v3"
)

const maxUsersFile = 8 << 20 // bytes

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
func LoadUsers(path string, c UsersConfig) (*Users, error) {
	if c.Hashing == nil {
		c.Hashing = NewTurns(0)
	}
	if c.Cost == (Cost{}) {
		c.Cost = leastCost
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	u := &Users{UsersConfig: c, path: path}
	u.loaded, _ = os.Stat(path) // before it is read, so that no change goes unseen
	d, err := u.read()
	if err != nil {
		return nil, err
	}
	u.current.Store(d)
	return u, nil
}

func (u *Users) read() (*directory, error) {
	text, err := readLimited(u.path)
	if err != nil {
		return nil, fmt.Errorf("session: users file %s: %w", u.path, err)
	}
	return u.parse(text)
}

func (u *Users) parse(text []byte) (*directory, error) {
	file, err := decodeUsers(text)
	if err != nil {
		return nil, fmt.Errorf("session: users file %s: %w", u.path, err)
	}
	accounts, problems := file.accounts()
	for i := range problems {
		problems[i] = fmt.Errorf("session: users file %s: %w", u.path, problems[i])
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return newDirectory(accounts, u.Cost)
}

func (f usersFile) accounts() (map[userKey]account, []error) {
	var problems []error
	accounts := make(map[userKey]account, len(f.Users))
	ids := make(map[[2]string]bool, len(f.Users))
	for i, r := range f.Users {
		if r.Tenant == "" {
			r.Tenant = DefaultTenant
		}
		key, id := userKey{r.Tenant, r.Username}, [2]string{r.Tenant, r.UserID}
		err := r.check()
		if _, taken := accounts[key]; err == nil && (taken || ids[id]) {
			err = errors.New("another user of the tenant has the same username or user_id")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("user %d (%.40q): %w", i+1, r.Username, err))
		}
		ids[id] = true
		accounts[key] = account{user: User{ID: r.UserID, Tenant: r.Tenant, Roles: r.Roles}, hash: r.PasswordHash}
	}
	return accounts, problems
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxUsersFile+1))
	if err == nil && len(text) > maxUsersFile {
		err = fmt.Errorf("larger than %d bytes", maxUsersFile)
	}
	return text, err
}

func decodeUsers(text []byte) (usersFile, error) {
	var file usersFile
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	err := d.Decode(&file)
	switch {
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
	if err := checkName("username", r.Username); err != nil {
		return err
	}
	if err := (User{ID: r.UserID, Tenant: r.Tenant, Roles: r.Roles}).Check(); err != nil {
		return err
	}
	return checkHash(r.PasswordHash)
}
