-- Admits one login before its password is checked.
-- KEYS: lock, failures and attempts in flight of the account, count of the network
-- ARGV: attempt, threshold (0: none), window ms, ms that an attempt is in flight,
--   limit of the network (0: none), its window ms
-- Answer: OK, or LOCKED and ms left, or THROTTLED and ms left, or INFLIGHT
local now, threshold, limit = clock(), tonumber(ARGV[2]), tonumber(ARGV[5])
if limit > 0 and tonumber(redis.call('GET', KEYS[4]) or '0') >= limit then
  return {'THROTTLED', text(redis.call('PTTL', KEYS[4]))}
end
if threshold > 0 then
  local left = redis.call('PTTL', KEYS[1])
  if left > 0 then return {'LOCKED', text(left)} end
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - tonumber(ARGV[3])))
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now - tonumber(ARGV[4])))
  if redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3]) >= threshold then return {'INFLIGHT'} end
  redis.call('ZADD', KEYS[3], text(now), ARGV[1])
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
end
-- Counted as a failure until it turns out to be none.
if limit > 0 and redis.call('INCR', KEYS[4]) == 1 then redis.call('PEXPIRE', KEYS[4], ARGV[6]) end
return {'OK'}
