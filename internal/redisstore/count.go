package redisstore

import "context"

// Count returns how many live sessions an issuer has, of one tenant or, if that
// is empty, of any. It looks at every session, in batches: what comes or goes
// meanwhile may count or not, and while the server grows or shrinks its table
// some may count twice.
func (s *Store) Count(ctx context.Context, issuer, tenant string) (total int, err error) {
	err = s.eachSession(ctx, func(sids []string) error {
		args := []any{s.keys.sessions(), issuer, tenant}
		for _, sid := range sids {
			args = append(args, sid)
		}
		answer, err := s.run(ctx, "count sessions", s.scripts.tally, []string{s.keys.vouch(), s.keys.cuts()}, args...)
		if err != nil {
			return err
		}
		d := decoder{}
		total += int(d.number(answer, 0))
		return d.err
	})
	return total, err
}
