package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
)

// maxKeys bounds a key set, ours and the ones we read.
const maxKeys = 64

// encodeJWKS writes a JWK Set (RFC 7517 section 5). Only public keys reach it.
func encodeJWKS(keys []PublicKey) ([]byte, error) {
	set := jwkset.JWKSMarshal{Keys: make([]jwkset.JWKMarshal, 0, len(keys))}
	for _, k := range keys {
		jwk, err := jwkset.NewJWKFromKey(k.key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{
			ALG: jwkset.ALG(k.Algorithm()), KID: k.id, USE: jwkset.UseSig,
		}})
		if err != nil {
			return nil, fmt.Errorf("token: encode key %s: %w", k.id, err)
		}
		set.Keys = append(set.Keys, jwk.Marshal())
	}
	return json.Marshal(set)
}

// A keySet is a parsed JWK Set by kid. It is never changed once it is in use.
type keySet map[string]PublicKey

// inherit puts the keys of old that s has too into s, so that whoever holds
// one sees it withdrawn one day, and returns those that s does not have, or
// has another key for.
func (s keySet) inherit(old keySet) (withdrawn []PublicKey) {
	for kid, key := range old {
		if same, ok := s[kid]; ok && same.equal(key) {
			s[kid] = key
		} else {
			withdrawn = append(withdrawn, key)
		}
	}
	return withdrawn
}

// parseJWKS reads a JWK Set. Keys that are not for us (RFC 7517 section 5 says
// to ignore those) are left out and their number returned; a set that is
// ambiguous, too large or left without any key is an error.
func parseJWKS(data []byte) (keySet, int, error) {
	var doc jwkset.JWKSMarshal
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, 0, errors.New("token: not a JWK Set")
	}
	if len(doc.Keys) > maxKeys {
		return nil, 0, fmt.Errorf("token: a JWK Set of more than %d keys", maxKeys)
	}
	set := make(keySet, len(doc.Keys))
	for i := range doc.Keys {
		key, err := parseJWK(&doc.Keys[i])
		if err != nil {
			continue
		}
		if _, twice := set[key.id]; twice {
			return nil, 0, errors.New("token: a JWK Set with two keys of one kid")
		}
		set[key.id] = key
	}
	if len(set) == 0 {
		return nil, 0, errors.New("token: a JWK Set without a usable key")
	}
	return set, len(doc.Keys) - len(set), nil
}

// parseJWK takes public signature keys only; methodOf knows no symmetric ones.
// Only the key's numbers are handed on to the library: x5u, for one, would
// make it fetch something.
func parseJWK(m *jwkset.JWKMarshal) (PublicKey, error) {
	switch {
	case m.USE != "" && m.USE != jwkset.UseSig,
		len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return PublicKey{}, errors.New("token: key not for signatures")
	case m.D != "" || m.K != "":
		return PublicKey{}, errors.New("token: a private key in public")
	}
	bare := jwkset.JWKMarshal{KTY: m.KTY, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E}
	jwk, err := jwkset.NewJWKFromMarshal(bare, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{SkipAll: true})
	if err != nil {
		return PublicKey{}, fmt.Errorf("token: parse key: %w", err)
	}
	key, err := NewPublicKey(m.KID, jwk.Key())
	if err != nil {
		return PublicKey{}, err
	}
	if m.ALG != "" && string(m.ALG) != key.Algorithm() {
		return PublicKey{}, errors.New("token: alg does not fit the key")
	}
	return key, nil
}
