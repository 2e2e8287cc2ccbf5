package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

const (
	maxReport = 8 << 10 // bytes of a report on the wire
	maxText   = 128     // bytes of a text in it
	maxURL    = 512     // bytes
	maxKeyIDs = 32
)

var (
	idForm   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	textForm = regexp.MustCompile(`^[ -~]*$`)
)

// ErrBadReport is wrapped by every error about a report that cannot be used.
var ErrBadReport = errors.New("fleet: bad report")

// ValidID reports whether id can name an edge: it stands in a NATS subject, as
// one token of it.
func ValidID(id string) bool { return idForm.MatchString(id) }

// ValidURL reports whether u can be shown as an edge's address: http or https,
// with nothing that may be secret.
func ValidURL(u string) bool {
	parsed, err := url.Parse(u)
	return err == nil && len(u) <= maxURL && textForm.MatchString(u) &&
		(parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Hostname() != "" &&
		parsed.User == nil && parsed.RawQuery == "" && !parsed.ForceQuery && parsed.Fragment == ""
}

// modeStateless is the mode of an edge that looks at no revocation.
const modeStateless = "stateless"

// A Report is how an edge says that it stands.
type Report struct {
	ID string `json:"id"`
	// Instance is new at every start of the edge.
	Instance string `json:"instance"`
	Version  string `json:"version"`
	Region   string `json:"region"`
	URL      string `json:"url,omitempty"`
	// Mode is what the edge must know of a token, as in the setting
	// check_mode; the strictest, when paths differ.
	Mode  string `json:"check_mode"`
	State string `json:"state"` // syncing, fresh or stale
	Epoch string `json:"epoch"`
	// AppliedSeq is how far it has applied the log of Epoch.
	AppliedSeq uint64 `json:"applied_seq"`
	// FreshAgeMS is how long ago its copy was known to be complete, in
	// milliseconds; -1 if it never was.
	FreshAgeMS int64  `json:"fresh_age_ms"`
	Entries    int    `json:"entries"`
	Overflowed uint64 `json:"overflowed"`
	// FallbackShare is the part of the latest decisions, 0 to 1, that the
	// local copy could not make.
	FallbackShare      float64 `json:"fallback_share"`
	DecisionsPerSecond float64 `json:"decisions_per_second"`
	Store              string  `json:"store"` // vouched, unvouched or down
	// KeyIDs are the kids that it trusts, at most 32 of them, sorted.
	KeyIDs []string `json:"kids"`
}

// A message is what an edge publishes.
type message struct {
	Report
	Leaving bool `json:"leaving,omitempty"` // the last one: it decides no more
}

// decode reads a message of the edge that the subject names. What a newer
// version adds is ignored; what could not be shown to a person is an error.
func decode(id string, data []byte) (m message, err error) {
	if len(data) > maxReport {
		return m, fmt.Errorf("%w: %d bytes", ErrBadReport, len(data))
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrBadReport, err)
	}
	m.URL, m.KeyIDs = clipURL(m.URL), m.KeyIDs[:min(len(m.KeyIDs), maxKeyIDs)]
	switch {
	case m.ID != id || !ValidID(m.ID) || !ValidID(m.Instance):
		return m, fmt.Errorf("%w: whose it is", ErrBadReport)
	case m.FreshAgeMS < -1 || m.Entries < 0 || m.FallbackShare < 0 || m.FallbackShare > 1 || m.DecisionsPerSecond < 0:
		return m, fmt.Errorf("%w: a number out of bounds", ErrBadReport)
	}
	for _, text := range append([]string{m.Version, m.Region, m.Mode, m.State, m.Epoch, m.Store}, m.KeyIDs...) {
		if len(text) > maxText || !textForm.MatchString(text) {
			return m, fmt.Errorf("%w: a text that cannot be shown", ErrBadReport)
		}
	}
	return m, nil
}

func clipURL(u string) string {
	if u != "" && !ValidURL(u) {
		return ""
	}
	return strings.TrimSuffix(u, "/")
}
