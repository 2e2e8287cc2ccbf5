package doctor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

// examine lets the doctor look at an issuer that publishes no keys and answers
// admin calls by the handler.
func examine(t *testing.T, admin http.HandlerFunc) map[string]Finding {
	t.Helper()
	found := map[string]Finding{}
	for _, f := range examineAll(t, admin) {
		found[f.Check+" "+f.Who] = f
	}
	return found
}

// examineAll is examine where there may be several findings of one edge.
func examineAll(t *testing.T, admin http.HandlerFunc) []Finding {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) })
	mux.HandleFunc("/admin/", admin)
	server := httptest.NewServer(mux)
	defer server.Close()
	return Examine(t.Context(), Config{
		Issuer: apiclient.New(server.URL, "test", nil), Patience: time.Second, Version: "test", Progress: func(string) {},
	})
}

// TestWhatKeepsTheDoctorOut: each reason has another remedy.
func TestWhatKeepsTheDoctorOut(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusUnauthorized: "an admin's token that the issuer accepts",
		http.StatusForbidden:    "the role ",
		http.StatusNotFound:     "--admin-url",
	} {
		found := examine(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"code":"some_code","title":"A title"}`)
		})
		for _, who := range []string{"store Redis", "log NATS", "edge fleet"} {
			if f := found[who]; f.Result != Skipped || !strings.Contains(f.Text, want) {
				t.Errorf("%d: %s is %s, %q; want %q in it", status, who, f.Result, f.Text, want)
			}
		}
	}
}

// TestDoctorHasADevice: with bind_device an issuer opens no session without a
// device's id, and the doctor would look at nothing.
func TestDoctorHasADevice(t *testing.T) {
	var asked apiclient.Opening
	examine(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/admin/v1/sessions" {
			_ = json.NewDecoder(r.Body).Decode(&asked)
		}
		w.WriteHeader(http.StatusForbidden)
	})
	if asked.Device.ID == "" {
		t.Errorf("it asked for a session on %+v", asked.Device)
	}
}

// TestAnEdgeThatIsStoppedMeanwhile, as in a rolling restart, is not broken.
func TestAnEdgeThatIsStoppedMeanwhile(t *testing.T) {
	listed := 0
	found := examine(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/admin/v1/edges":
			if listed++; listed > 1 {
				fmt.Fprint(w, `{"edges":[],"epoch":"e","seq":1}`)
				return
			}
			fmt.Fprint(w, `{"edges":[{"id":"e-1","instance":"i","state":"fresh","epoch":"e","store":"vouched"}],"epoch":"e","seq":1}`)
		case "/admin/v1/sessions":
			fmt.Fprint(w, `{"token_type":"Bearer","access_token":"a.b.c","session_id":"s"}`)
		default:
			fmt.Fprint(w, `{"revocation_id":"r","scope":"session","id":"s","status":"committed","seq":2}`)
		}
	})
	if f := found["edge e-1"]; f.Result != Warning || !strings.Contains(f.Text, "stopped meanwhile") {
		t.Errorf("%+v", f)
	}
}

// TestAnEdgeThatKeepsItsStateForOperators: before an upstream its state is not public.
// What it reports to the issuer will do.
func TestAnEdgeThatKeepsItsStateForOperators(t *testing.T) {
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code":"token_revoked","title":"Revoked","status":401}`)
	}))
	defer edge.Close()
	found := examine(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/admin/v1/edges":
			fmt.Fprintf(w, `{"edges":[{"id":"e-1","instance":"i","url":%q,"state":"fresh","epoch":"e","applied_seq":9,"store":"vouched"}],"epoch":"e","seq":9}`, edge.URL)
		case "/admin/v1/sessions":
			fmt.Fprint(w, `{"token_type":"Bearer","access_token":"a.b.c","session_id":"s"}`)
		default:
			fmt.Fprint(w, `{"revocation_id":"r","scope":"session","id":"s","status":"committed","seq":2}`)
		}
	})
	if f := found["edge e-1"]; f.Result != OK || !strings.Contains(f.Text, "up to 9") {
		t.Errorf("%+v, all: %v", f, found)
	}
}
