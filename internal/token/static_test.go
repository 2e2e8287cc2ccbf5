package token

import (
	"errors"
	"testing"
)

// TestReadKeys knows the keys of the set and no other.
func TestReadKeys(t *testing.T) {
	const set = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	keys, err := ReadKeys([]byte(set))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := keys.Key(t.Context(), "a"); err != nil || key.Algorithm() != EdDSA {
		t.Errorf("%v, %v", key.Algorithm(), err)
	}
	if _, err := keys.Key(t.Context(), "b"); !errors.Is(err, ErrInvalid) {
		t.Errorf("an unknown key: %v", err)
	}
	for _, bad := range []string{"", "{}", `{"keys":[]}`, `{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}`} {
		if keys, err := ReadKeys([]byte(bad)); err == nil {
			t.Errorf("%s: %v", bad, keys)
		}
	}
}
