package token

import (
	"errors"
	"fmt"
)

// What Verify answers when it refuses. ErrMalformed, ErrInvalid and ErrExpired
// are final for the token; ErrKeysUnavailable says nothing about it.
var (
	// ErrMalformed: this is not a JWT in compact form (code token_malformed).
	ErrMalformed = errors.New("token: malformed")
	// ErrInvalid: a JWT that is not one of ours: signature, key, algorithm,
	// type, issuer, audience, region, or a claim that is missing or of another
	// type than it should be (token_invalid).
	ErrInvalid = errors.New("token: invalid")
	// ErrRegion is the ErrInvalid of a token that is our issuer's, but not this
	// region's: edges of another region may accept it.
	ErrRegion = fmt.Errorf("%w: of another region", ErrInvalid)
	// ErrExpired: valid in every respect but past its exp (token_expired).
	ErrExpired = errors.New("token: expired")
	// ErrKeyAbsent is the ErrInvalid of a kid that the last key set, or the directory
	// when it was read last, did not have.
	// It was not asked for again; the issuer may have published it since.
	ErrKeyAbsent = fmt.Errorf("%w: unknown key, as of a moment ago", ErrInvalid)
	// ErrKeysUnavailable: the key that the token names is not at hand and the
	// issuer could not be asked. The caller MUST refuse the request, whatever
	// its fail mode, and SHOULD do so with 503 so that the client keeps a
	// token that may be good.
	ErrKeysUnavailable = errors.New("token: keys unavailable")
	// ErrNoKeys: the keys directory holds no key, and none was to be made.
	ErrNoKeys = errors.New("token: no signing key")
	// ErrRotationPending: the newest key does not sign yet.
	ErrRotationPending = errors.New("token: a rotation is pending")
	// ErrAlgorithm: keys of that algorithm are not made here.
	ErrAlgorithm = errors.New("token: algorithm")
)
