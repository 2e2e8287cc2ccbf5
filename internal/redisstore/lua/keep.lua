-- Renews a vouch that still holds; never makes one.
-- KEYS: vouch, stamp, cuts, furthest expiry
-- ARGV: the server's time as of which it holds, ms; how long it may go without
--   being renewed, ms
-- Answer: OK, the last stamp, for how long a token that was handed out may still
--   be good, the server's time, the vouch's name, up to which stamp it ended
--   sessions or 0, how many replicas there are, 1 if writes wait for some
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
local now = clock()
-- Whether the clock has leapt, or nobody came for so long, cannot be told. After
-- a leap entries have expired that should be here.
if math.abs(now - tonumber(redis.call('HGET', KEYS[1], 'kept') or '0')) > tonumber(ARGV[2]) then
  withdraw(KEYS[1])
  return {'UNVOUCHED'}
end
vouch_as_of(KEYS[1], ARGV[1])
redis.call('HSETNX', KEYS[3], '-', '-') -- nothing was thrown away, so it was never there
local v = redis.call('HMGET', KEYS[1], 'by', 'ended_by')
return {'OK', redis.call('GET', KEYS[2]) or '0', text(math.max(left_of(KEYS[4], now) or 0, 0)), text(now),
  v[1] or '', v[1] == v[2] and text(floor) or '0',
  string.match(tell(), '\nconnected_slaves:(%d+)') or '0',
  string.find(tell(), '\nmin_slaves_good_slaves:', 1, true) and '1' or '0'}
