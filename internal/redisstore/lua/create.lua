-- KEYS: stamp, vouch, session, user index, revocation of the session
-- ARGV: idle ms, lifetime ms, sid, then field and value, field and value, ...
-- Answer: OK, now, stamp, absolute end
if not vouched(KEYS[2]) then return {'UNVOUCHED'} end
if redis.call('EXISTS', KEYS[5]) == 1 then return {'ENDED'} end
if redis.call('EXISTS', KEYS[3]) == 1 then return {'TAKEN'} end

local now = clock()
local stamp = stamp_at_least(KEYS[1], now)
local absolute = now + tonumber(ARGV[2])
local expires = math.min(now + tonumber(ARGV[1]), absolute)

redis.call('HSET', KEYS[3], unpack(ARGV, 4))
redis.call('HSET', KEYS[3], 'created', text(now), 'seen', text(now), 'rotated', text(now),
  'absolute', text(absolute), 'expires', text(expires))
redis.call('PEXPIREAT', KEYS[3], text(expires))

-- The index outlives every session in it; List drops what has expired.
redis.call('ZADD', KEYS[4], text(now), ARGV[3])
if redis.call('PTTL', KEYS[4]) < absolute - now then
  redis.call('PEXPIREAT', KEYS[4], text(absolute))
end
return {'OK', text(now), text(stamp), text(absolute)}
