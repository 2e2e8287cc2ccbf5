package deptest

// module is the prefix of everything of ours.
const module = "github.com/curfew-auth/curfew/"

// allowed lists, for every library package, what of ours it may import outside
// its tests. A new package needs a line here: that is the moment to think about
// where it stands.
var allowed = map[string][]string{
	// The contracts and the parts that know nothing of the rest.
	"api":                {},
	"internal/apiclient": {},
	"internal/cache":     {},
	"internal/config":    {"internal/loopback", "internal/tlsfiles"},
	"internal/crash":     {},
	"internal/deptest":   {},
	"internal/devcerts":  {},
	"internal/embedded":  {},
	"internal/events":    {},
	"internal/fleet":     {"internal/events"},
	"internal/front":     {"internal/loopback", "internal/tlsfiles"},
	"internal/loopback":  {},
	"internal/tlsfiles":  {},
	"internal/token":     {},
	"internal/trace":     {},
	"internal/version":   {},

	// The rules.
	"internal/session": {"internal/events", "internal/token"},
	"internal/commit":  {"internal/crash", "internal/events", "internal/session"},

	// The adapters.
	"internal/audit":      {"internal/events", "internal/session"},
	"internal/redisstore": {"internal/commit", "internal/events", "internal/session"},
	"internal/webhook":    {"internal/session"},

	// The decision, which others build into their programs.
	"guard": {"internal/cache", "internal/events", "internal/fleet", "internal/redisstore", "internal/token", "internal/version"},

	"guard/fiberguard": {"guard", "internal/front"},
	"guard/grpcguard":  {"guard"},

	// The services, and what runs them.
	"internal/edge": {"api", "guard", "internal/config", "internal/front", "internal/loopback", "internal/trace"},
	"internal/issuer": {
		"api",
		"internal/audit", "internal/commit", "internal/config", "internal/events", "internal/fleet", "internal/front", "internal/loopback",
		"internal/redisstore", "internal/session", "internal/token", "internal/trace", "internal/version", "internal/webhook",
	},
	"internal/boot": {"internal/config", "internal/front", "internal/redisstore", "internal/tlsfiles"},
	"internal/up":   {"internal/config", "internal/edge", "internal/embedded", "internal/issuer", "internal/session"},
	"internal/demo": {"internal/up"},

	// The command line of operators, a client like any other.
	"internal/cli": {
		"internal/apiclient", "internal/cli/contexts", "internal/cli/doctor", "internal/config", "internal/tlsfiles", "internal/token",
	},
	"internal/cli/doctor":   {"internal/apiclient"},
	"internal/cli/contexts": {"internal/tlsfiles"},

	// Real servers of the tests, which the library packages do not know of.
	"internal/testenv/backend": {"internal/devcerts", "internal/tlsfiles"},

	// Conformance suites and doubles.
	"api/apitest":                   {"api"},
	"internal/commit/memstore":      {"internal/commit", "internal/events", "internal/session"},
	"internal/events/logtest":       {"internal/events"},
	"internal/events/memlog":        {"internal/events"},
	"internal/redisstore/storetest": {"internal/commit", "internal/events", "internal/redisstore", "internal/session"},
}

// tops are the trees whose packages nobody imports and that may import any
// library package.
var tops = []string{"chaos", "cmd", "deploy", "e2e", "examples", "scripts"}

// testOnly are imported by tests alone, and by their like.
var testOnly = []string{
	"api/apitest", "deploy/nats", "internal/testenv", "internal/commit/memstore", "internal/events/logtest", "internal/events/memlog", "internal/redisstore/storetest",
}

// testOnlyToo may import what is for tests: make cluster starts its servers as
// the tests do, and the black-box and fault runs are tests in all but name.
var testOnlyToo = []string{"chaos", "deploy/cluster", "e2e"}

// foreign lists, for packages whose promise rests on how little they need, all
// they may import besides the standard library.
var foreign = map[string][]string{
	"internal/cache": {"github.com/hashicorp/golang-lru/v2", "golang.org/x/sys"},
	"internal/crash": {},
	"internal/token": {"github.com/golang-jwt/jwt/v5", "github.com/MicahParks/jwkset"},
}

// unlinked must not become part of a service's binary.
var unlinked = []string{
	"github.com/nats-io/nats-server", "github.com/alicebob/miniredis",
	module + "internal/embedded", module + "internal/testenv",
}
