package browser_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// patience is a ceiling; a busy machine may be slow.
const patience = 60 * time.Second

// A seen is what a tab has seen of its session.
type seen struct {
	Tokens   []string `json:"tokens"`
	Refusals []string `json:"refusals"`
	Grant    string   `json:"grant"`
}

// TestBrowser: a user signs in on a page, goes on in two tabs long after the
// first access token has expired, and is out in both once an admin has ended
// the session elsewhere.
func TestBrowser(t *testing.T) {
	site := newSite(t)
	first := startBrowser(t, site)
	run(t, first,
		chromedp.Navigate(site.url),
		chromedp.SendKeys("#username", "alice"),
		chromedp.SendKeys("#password", site.password),
		chromedp.Click("#submit"),
	)
	await(t, first, "the first token", func(s seen) bool { return len(s.Tokens) > 0 })
	second, closeTab := chromedp.NewContext(first)
	defer closeTab()
	run(t, second, chromedp.Navigate(site.url+"/#open"))

	cookies, err := chromedp.Run(first, chromedp.Evaluate[string](`document.cookie`))
	testenv.Must(t, err)
	if grant := look(t, first).Grant; cookies != "" || strings.Contains(grant, "cfr_") || !strings.Contains(grant, `"session_id"`) {
		t.Errorf("scripts see the cookies %q and the grant %s", cookies, grant)
	}
	for name, tab := range map[string]context.Context{"first": first, "second": second} {
		s := await(t, tab, "a third token in the "+name+" tab", func(s seen) bool { return len(s.Tokens) >= 3 })
		if len(s.Refusals) > 0 {
			t.Errorf("the %s tab was refused while the session lived: %q", name, s.Refusals)
		}
	}

	site.endSession(t)
	for name, tab := range map[string]context.Context{"first": first, "second": second} {
		s := await(t, tab, "a refusal in the "+name+" tab", func(s seen) bool { return len(s.Refusals) > 0 })
		if code := s.Refusals[0]; code != "401 token_revoked" && code != "401 session_ended" {
			t.Errorf("the %s tab was refused with %q", name, s.Refusals)
		}
	}
	// The cookies go with the session: soon there is no token to refuse.
	for _, tab := range []context.Context{first, second} {
		await(t, tab, "cookies to be cleared", func(s seen) bool { return s.Refusals[len(s.Refusals)-1] == "401 token_missing" })
	}
}

func startBrowser(t *testing.T, s *site) context.Context {
	t.Helper()
	path, err := chromium()
	testenv.Must(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(t.TempDir(), "profile")),
		chromedp.Flag("ignore-certificate-errors-spki-list", s.spki), // this one certificate
		chromedp.Flag("disable-dev-shm-usage", true),                 // containers have little of it
		chromedp.WSURLReadTimeout(patience),                          // for it to start
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to start as root otherwise
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	tab, end := chromedp.NewContext(ctx)
	t.Cleanup(end) // waits for the browser to end
	run(t, tab)
	return tab
}

// chromium finds what scripts/ensure-chromium finds or installs.
func chromium() (string, error) {
	for _, name := range []string{
		"chromium-headless-shell", "headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	if app := "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; runtime.GOOS == "darwin" {
		if _, err := os.Stat(app); err == nil {
			return app, nil
		}
	}
	return "", errors.New("no Chromium on PATH: run scripts/ensure-chromium")
}

func run(t *testing.T, tab context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	_, err := chromedp.Run(tab, chromedp.Steps(actions...))
	testenv.Must(t, err)
}

func look(t *testing.T, tab context.Context) seen {
	t.Helper()
	s, err := chromedp.Run(tab, chromedp.Evaluate[seen](`seen`))
	testenv.Must(t, err)
	return s
}

func await(t *testing.T, tab context.Context, what string, done func(seen) bool) (s seen) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if s = look(t, tab); !done(s) {
			return fmt.Errorf("waiting for %s; seen %d tokens, %d refusals, grant %s", what, len(s.Tokens), len(s.Refusals), s.Grant)
		}
		return nil
	})
	return s
}
