package config

import (
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const hidden = "xxxxx"

// maxEcho bounds how much of a wrong value an error repeats, in bytes.
const maxEcho = 80

var (
	// A list of URLs is taken apart only where the next URL starts, because
	// a password may hold a comma.
	urlStart = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://`)
	// Query parameters whose name says that they hold a secret.
	secretParam = regexp.MustCompile(`(?i)([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&\s,]*`)
)

// RedactURL hides the user part of every URL in text: a NATS URL may hold a
// bare token where others hold the user name. It rather hides too much.
func RedactURL(text string) string {
	starts := urlStart.FindAllStringIndex(text, -1)
	if starts == nil {
		return hideUser(text, 0)
	}
	out := hideUser(text[:starts[0][0]], 0)
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		out += hideUser(text[at[0]:end], at[1]-at[0])
	}
	return secretParam.ReplaceAllString(out, "${1}"+hidden)
}

// hideUser replaces everything between from and the last @.
func hideUser(text string, from int) string {
	at := strings.LastIndexByte(text, '@')
	if at < from {
		return text
	}
	return text[:from] + hidden + text[at:]
}

func quote(text string) string {
	text = RedactURL(text)
	if len(text) > maxEcho {
		text = text[:maxEcho] + "…"
	}
	return strconv.Quote(text)
}

// Redacted lists the settings for the start-up print, in declared order. What
// is secret is shown only as set or not set (empty).
func Redacted(cfg any) []slog.Attr {
	var attrs []slog.Attr
	for _, f := range fieldsOf(cfg) {
		attrs = append(attrs, f.attr())
	}
	return attrs
}

func (f field) attr() slog.Attr {
	switch v := f.value.Interface().(type) {
	case string:
		switch {
		case f.secret == secretWhole && v != "":
			v = hidden
		case f.secret == secretURL || urlStart.MatchString(v):
			v = RedactURL(v)
		}
		return slog.String(f.name, v)
	case time.Duration:
		return slog.String(f.name, v.String())
	default:
		return slog.Any(f.name, v)
	}
}
