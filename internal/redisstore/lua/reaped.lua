-- Forgets a cut whose sessions have all been removed, unless it has grown, or
-- the sessions were looked for on another server, or some list of them has been
-- thrown away meanwhile.
-- KEYS: cuts, vouch
-- ARGV: member, the cut as it was, what the pass relied on
if vouched(KEYS[2]) and life_of(KEYS[2]) == ARGV[3] and redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return {'OK'}
