-- Counts those of some sessions that are an issuer's, of one tenant or of any,
-- and not over by a cutoff.
-- KEYS: vouch, cuts
-- ARGV: prefix of the sessions, issuer, tenant or nothing, then sids
-- Answer: OK, how many
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
local count = 0
for i = 4, #ARGV do
  local s = redis.call('HMGET', ARGV[1] .. ARGV[i], 'issuer', 'tenant', 'cutoffs', 'stamp')
  if s[1] == ARGV[2] and (ARGV[3] == '' or s[2] == ARGV[3]) and not cut_off(KEYS[2], s[3], s[4]) then
    count = count + 1
  end
end
return {'OK', text(count)}
