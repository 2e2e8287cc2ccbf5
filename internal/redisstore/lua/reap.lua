-- Removes those of some sessions that are over by a cutoff or an old image.
-- KEYS: cuts, vouch
-- ARGV: prefixes of the sessions and of the user indexes, then sids
-- Answer: OK, how many it removed
if not vouched(KEYS[2]) then return {'UNVOUCHED'} end
local removed = 0
for i = 3, #ARGV do
  local key = ARGV[1] .. ARGV[i]
  local s = redis.call('HMGET', key, 'family', 'cutoffs', 'stamp', 'index')
  if s[1] and cut_off(KEYS[1], s[2], s[3]) then
    redis.call('DEL', key)
    redis.call('ZREM', ARGV[2] .. s[4], ARGV[i])
    removed = removed + 1
  end
end
return {'OK', text(removed)}
