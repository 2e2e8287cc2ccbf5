package nats

import (
	"crypto/rand"
	"regexp"
	"strings"
)

// A Trial is the layout for servers that are started for a while, with passwords of
// their own, and with one user more. In the zero Trial nobody logs in.
type Trial struct {
	Config string   // for a server's configuration
	Env    []string // that the configuration needs

	passwords map[string]string
}

// Keeper may do anything with the streams of the first region. Whoever starts servers
// looks after them so, and tests break what is theirs.
const Keeper = "keeper"

const (
	first  = "\n  LOG {" // of the accounts of a region
	keeper = "\n    users: [ { user: " + Keeper + ", password: $NATS_KEEPER_PASSWORD } ]"
)

// regional matches what each region has under another name: accounts, and users.
var regional = regexp.MustCompile(`\b(LOG|AUDIT|CORE|EDGE|PEER|ADMIN)\b|(user: )(\w+)`)

// NewTrial makes a layout for regions that share servers. The users of the first are
// called as in accounts.conf; those of others are, for the region far, issuer_far.
func NewTrial(region string, others ...string) Trial {
	t := Trial{passwords: make(map[string]string)}
	for _, user := range append(Users[:], Keeper) {
		t.passwords[user] = "p" + rand.Text() // a server takes what begins with a digit for a number
		t.Env = append(t.Env, "NATS_"+strings.ToUpper(user)+"_PASSWORD="+t.passwords[user])
	}
	head, accounts, _ := strings.Cut(Accounts, first)
	accounts = first + accounts[:strings.LastIndex(accounts, "}")]
	t.Config = head + strings.Replace(of(region, accounts), first, first+keeper, 1)
	for _, other := range others {
		t.Config += regional.ReplaceAllString(of(other, accounts), "${1}${2}${3}_"+other)
	}
	t.Config += "}\n"
	return t
}

// Login is how a user logs in, with a colon between name and password.
func (t Trial) Login(user string) string {
	if t.Config == "" {
		return ""
	}
	name, _, _ := strings.Cut(user, "_")
	return user + ":" + t.passwords[name]
}

func of(region, accounts string) string { return strings.ReplaceAll(accounts, "local", region) }
