package front

import "testing"

func TestReachable(t *testing.T) {
	for listen, want := range map[string]string{
		":80": "127.0.0.1:80", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "[::1]:80", "10.0.0.1:80": "10.0.0.1:80", "host:80": "host:80", "80": "",
	} {
		if got, err := reachable(listen); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: got %q, %v", listen, got, err)
		}
	}
}
