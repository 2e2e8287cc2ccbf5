package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	maxReport = 8 << 10 // bytes of a report on the wire
	maxText   = 128     // bytes of a text in it
	maxURL    = 512     // bytes
	maxKeyIDs = 32
)

const (
	// maxSetting is the largest staleness bound that can be set. It stands
	// for that of an edge that does not tell its own.
	maxSetting = time.Minute
	// maxBound is the largest that is believed. An edge goes by no more than
	// an issuer does.
	maxBound = 10 * time.Minute
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

// Unknown stands for a mode or state of a version that is not ours.
const Unknown = "unknown"

// What a report may say; anything else is Unknown.
var (
	modes  = []string{modeStateless, "local", "strict"}
	states = []string{"syncing", "fresh", "stale"}
	stores = []string{"vouched", "unvouched", "down"}
)

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
	FreshAgeMS int64 `json:"fresh_age_ms"`
	// StalenessMS is the bound B that it goes by, in milliseconds; 0 if it
	// does not tell.
	StalenessMS int64 `json:"staleness_ms"`
	// Doubt says that something lives in the log that it cannot read, so
	// that no miss of its copy counts.
	Doubt      bool   `json:"doubt"`
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
	// Farewell proves that it is the edge itself that leaves.
	Farewell string `json:"farewell,omitempty"`
}

// encode makes a message that every issuer reads: what would make it too large
// is left out.
func (m message) encode() ([]byte, error) {
	m.tidy()
	data, err := json.Marshal(m)
	if err == nil && len(data) > maxReport {
		m.KeyIDs = nil
		data, err = json.Marshal(m)
	}
	return data, err
}

// decode reads a message of the edge that the subject names. It is an error
// only if nobody can tell whose it is: an edge that is not listed is not asked,
// and nobody waits for it. So what a newer version adds is ignored, and what
// cannot be shown is replaced.
func decode(id string, data []byte) (m message, err error) {
	if len(data) > maxReport {
		return m, fmt.Errorf("%w: %d bytes", ErrBadReport, len(data))
	}
	// A member of another type is left out; the rest is read.
	if err := json.Unmarshal(data, &m); err != nil && !isTypeError(err) {
		return m, fmt.Errorf("%w: %w", ErrBadReport, err)
	}
	if m.ID != id || !ValidID(m.ID) || !ValidID(m.Instance) {
		return m, fmt.Errorf("%w: whose it is", ErrBadReport)
	}
	m.tidy()
	return m, nil
}

func isTypeError(err error) bool {
	_, ok := errors.AsType[*json.UnmarshalTypeError](err)
	return ok
}

// tidy replaces what cannot be shown to a person.
func (r *Report) tidy() {
	r.URL = clipURL(r.URL)
	r.KeyIDs = slices.Clone(r.KeyIDs[:min(len(r.KeyIDs), maxKeyIDs)])
	for n := range r.KeyIDs {
		r.KeyIDs[n] = shown(r.KeyIDs[n])
	}
	for _, text := range []*string{&r.Version, &r.Region, &r.Epoch} {
		*text = shown(*text)
	}
	r.Mode, r.State, r.Store = oneOf(modes, r.Mode), oneOf(states, r.State), oneOf(stores, r.Store)
	r.FreshAgeMS, r.StalenessMS, r.Entries = max(r.FreshAgeMS, -1), max(r.StalenessMS, 0), max(r.Entries, 0)
	r.FallbackShare, r.DecisionsPerSecond = min(max(r.FallbackShare, 0), 1), max(r.DecisionsPerSecond, 0)
}

// bound is the staleness bound that the edge may go by.
func (r *Report) bound() time.Duration {
	if r.StalenessMS <= 0 {
		return maxSetting
	}
	return time.Duration(min(r.StalenessMS, maxBound.Milliseconds())) * time.Millisecond
}

// shown is a text of at most maxText bytes, with a question mark for every
// character that is not printable ASCII.
func shown(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text[:min(len(text), maxText)])
}

func oneOf(known []string, text string) string {
	if slices.Contains(known, text) {
		return text
	}
	return Unknown
}

func clipURL(u string) string {
	if u != "" && !ValidURL(u) {
		return ""
	}
	return strings.TrimSuffix(u, "/")
}
