package fleet

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func good() Report {
	return Report{
		ID: "edge-1", Instance: "I1", Version: "v1", Region: "local", URL: "http://edge-1:8081/", Mode: "local",
		State: "fresh", Epoch: "2026-11-23T10:00:00Z", AppliedSeq: 7, FreshAgeMS: 12, Entries: 3, Overflowed: 1,
		FallbackShare: 0.5, DecisionsPerSecond: 12.5, Store: "vouched", KeyIDs: []string{"k1", "k2"},
	}
}

func encoded(t *testing.T, change func(*message)) []byte {
	t.Helper()
	m := message{Report: good()}
	change(&m)
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecode(t *testing.T) {
	m, err := decode("edge-1", encoded(t, func(m *message) { m.Leaving = true }))
	if err != nil || !m.Leaving || m.ID != "edge-1" || m.URL != "http://edge-1:8081" || m.AppliedSeq != 7 || len(m.KeyIDs) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	newer := slices.Concat([]byte(`{"novelty":{"a":1},`), encoded(t, func(*message) {})[1:])
	if _, err := decode("edge-1", newer); err != nil {
		t.Errorf("a newer version's: %v", err)
	}
	secret := encoded(t, func(m *message) { m.URL = "http://user:pass@edge-1" })
	if m, err := decode("edge-1", secret); err != nil || m.URL != "" {
		t.Errorf("a URL with a password: %q, %v", m.URL, err)
	}
	many := encoded(t, func(m *message) { m.KeyIDs = make([]string, 100) })
	if m, err := decode("edge-1", many); err != nil || len(m.KeyIDs) != maxKeyIDs {
		t.Errorf("many kids: %d, %v", len(m.KeyIDs), err)
	}
}

// An edge that is not listed is not waited for. So nothing about a report makes
// it unreadable but not to know whose it is.
func TestDecodeIsLenient(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*message)
		want   func(*message) bool
	}{
		"umlaut":          {func(m *message) { m.Version = "b\u00fcro api" }, func(m *message) bool { return m.Version == "b?ro api" }},
		"escape sequence": {func(m *message) { m.Version = "\x1b[2J" }, func(m *message) bool { return m.Version == "?[2J" }},
		"line break":      {func(m *message) { m.Region = "a\nb" }, func(m *message) bool { return m.Region == "a?b" }},
		"long epoch":      {func(m *message) { m.Epoch = strings.Repeat("s", 300) }, func(m *message) bool { return len(m.Epoch) == maxText }},
		"cut in a letter": {func(m *message) { m.Epoch = strings.Repeat("s", 127) + "\u00fc" }, func(m *message) bool { return m.Epoch == strings.Repeat("s", 127)+"?" }},
		"newer state":     {func(m *message) { m.State = "draining" }, func(m *message) bool { return m.State == Unknown }},
		"an issuer's":     {func(m *message) { m.State = Gone }, func(m *message) bool { return m.State == Unknown }},
		"newer mode":      {func(m *message) { m.Mode = "paranoid" }, func(m *message) bool { return m.Mode == Unknown }},
		"newer store":     {func(m *message) { m.Store = "far" }, func(m *message) bool { return m.Store == Unknown }},
		"kid":             {func(m *message) { m.KeyIDs = []string{"\x00"} }, func(m *message) bool { return m.KeyIDs[0] == "?" }},
		"share above 1":   {func(m *message) { m.FallbackShare = 1.5 }, func(m *message) bool { return m.FallbackShare == 1 }},
		"negative share":  {func(m *message) { m.FallbackShare = -0.5 }, func(m *message) bool { return m.FallbackShare == 0 }},
		"negative rate":   {func(m *message) { m.DecisionsPerSecond = -1 }, func(m *message) bool { return m.DecisionsPerSecond == 0 }},
		"few entries":     {func(m *message) { m.Entries = -1 }, func(m *message) bool { return m.Entries == 0 }},
		"age below -1":    {func(m *message) { m.FreshAgeMS = -2 }, func(m *message) bool { return m.FreshAgeMS == -1 }},
		"negative bound":  {func(m *message) { m.StalenessMS = -2 }, func(m *message) bool { return m.bound() == maxSetting }},
		"no bound":        {func(m *message) { m.StalenessMS = 0 }, func(m *message) bool { return m.bound() == maxSetting }},
		"endless bound":   {func(m *message) { m.StalenessMS = 1 << 62 }, func(m *message) bool { return m.bound() == maxBound }},
	} {
		if m, err := decode("edge-1", encoded(t, c.change)); err != nil || !c.want(&m) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	// A newer version may give members other types.
	newer := `{"version":{"name":"v9"},"staleness_ms":"5s","entries":1e99,"kids":"k","leaving":7,"id":"edge-1","instance":"I1","state":"fresh"}`
	if m, err := decode("edge-1", []byte(newer)); err != nil || m.State != "fresh" || m.Leaving || m.bound() != maxSetting {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, change := range map[string]func(*message){
		"another's id":  func(m *message) { m.ID = "edge-2" },
		"no instance":   func(m *message) { m.Instance = "" },
		"wild instance": func(m *message) { m.Instance = "*" },
		"too large":     func(m *message) { m.Version = strings.Repeat("v", maxReport) },
	} {
		if _, err := decode("edge-1", encoded(t, change)); !errors.Is(err, ErrBadReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, data := range []string{"", "null", "[]", `"x"`, "{", "\xff", strings.Repeat("[", maxReport), `{"id":"edge-1","instance":7}`} {
		if _, err := decode("edge-1", []byte(data)); !errors.Is(err, ErrBadReport) {
			t.Errorf("%.10q: %v", data, err)
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"edge-1": true, "A_b": true, strings.Repeat("e", 64): true,
		"": false, "a.b": false, "*": false, ">": false, "a b": false, "a\n": false, "é": false, strings.Repeat("e", 65): false,
	} {
		if ValidID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
