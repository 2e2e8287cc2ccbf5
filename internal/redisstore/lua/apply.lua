-- Takes a batch of revocations in that were read from the log. They keep their
-- stamps, above which the store's own goes on, and need no relaying.
-- KEYS: stamp, index of revocations
-- ARGV: prefixes of revocations, sessions and user indexes, then for each
--   revocation: stamp, incarnation, JSON, ttl ms, member, sid or nothing
local now, highest = clock(), 0
local place = {ARGV[1], KEYS[2], ARGV[2], ARGV[3]}
for i = 4, #ARGV, 6 do
  local tail = ' ' .. ARGV[i + 2]
  highest = math.max(highest, tonumber(ARGV[i]))
  take(place, now, ARGV[i] .. ' ' .. ARGV[i + 1] .. tail, tail, ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
end
stamp_at_least(KEYS[1], highest)
trim(KEYS[2], now)
return {'OK'}
