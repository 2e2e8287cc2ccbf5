//go:build unix

package doors_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// send writes bytes as they are, which net/http would tidy up, and returns the
// first answer with its whole body.
func send(address, request string) (*http.Response, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, err
}

// An ask is a request through a proxy. Each has a target of its own.
type ask struct {
	method, target, token string
	headers               []string
	body                  string
}

func (a ask) String() string {
	if a.method == "" {
		a.method = http.MethodGet
	}
	lines := []string{a.method + " " + a.target + " HTTP/1.1", "Host: app.example", "Connection: close"}
	if a.token != "" {
		lines = append(lines, "Authorization: Bearer "+a.token)
	}
	lines = append(lines, a.headers...)
	if a.body != "" {
		lines = append(lines, fmt.Sprint("Content-Length: ", len(a.body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + a.body
}

func (a ask) of(t *testing.T, address string) *http.Response {
	t.Helper()
	res, err := send(address, a.String())
	testenv.Must(t, err)
	return res
}

// refused says whether the answer is a refusal that the app knows nothing of.
func (w *world) refused(target string, res *http.Response, status ...int) error {
	ok := false
	for _, s := range status {
		ok = ok || res.StatusCode == s
	}
	if reached := w.app.got(target); !ok || len(reached) > 0 || res.Header.Get("X-App") != "" {
		return fmt.Errorf("%s: %d, want %v; %d times at the app", target, res.StatusCode, status, len(reached))
	}
	return nil
}
