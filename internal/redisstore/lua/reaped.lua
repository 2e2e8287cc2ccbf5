-- Forgets a cut whose sessions have all been removed, unless it has grown, or
-- the sessions were looked for on another server.
-- KEYS: cuts
-- ARGV: member, the cut as it was, incarnation
if incarnation() == ARGV[3] and redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return {'OK'}
