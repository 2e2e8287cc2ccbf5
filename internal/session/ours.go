package session

import "context"

// The store may hold sessions of other issuers, with users of the same ids.
// Those are nobody's here. A revocation of ours would not end them, so that a
// logout which took one for ours would claim what is not true, and a refresh
// would sign with our key in the other issuer's name.

// ours returns the session that the store answered, or what says that there
// is none when it is another issuer's.
func (s *Service) ours(of Session, err, none error) (Session, error) {
	if err == nil && of.Issuer != s.config.Issuer {
		return Session{}, none
	}
	return of, err
}

// Get returns a live session, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Session, error) {
	of, err := s.Store.Get(ctx, id)
	return s.ours(of, err, ErrNotFound)
}

// prove returns the live session that a refresh token is or once was of.
func (s *Service) prove(ctx context.Context, t refreshToken) (Session, error) {
	of, err := s.Store.Prove(ctx, t.session.String(), t.familyHash())
	return s.ours(of, err, ErrRefreshInvalid)
}
