-- Takes a batch of revocations in that were read from the log. They keep their
-- stamps, above which the store's own goes on, and need no relaying.
-- KEYS: stamp, index of revocations, cuts, vouch
-- ARGV: prefixes of revocations, sessions and user indexes, the incarnation that it
--   is for or nothing, then for each revocation: stamp, incarnation, JSON, ttl ms, member, sid or reach or
--   nothing, kind
if ARGV[4] ~= '' and ARGV[4] ~= incarnation() then return {'LOST'} end
local now, highest = clock(), 0
anew = not vouched(KEYS[4])
local place = {ARGV[1], KEYS[2], ARGV[2], ARGV[3], KEYS[3]}
for i = 5, #ARGV, 7 do
  local tail, stamp = ' ' .. ARGV[i + 2], tonumber(ARGV[i])
  if ARGV[i + 6] == 'cutoff' then stamp = stamp + 1 end
  highest = math.max(highest, stamp)
  take(place, now, ARGV[i] .. ' ' .. ARGV[i + 1] .. tail, tail, ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
end
stamp_at_least(KEYS[1], highest)
trim(KEYS[2], now)
return {'OK'}
