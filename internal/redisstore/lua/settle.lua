-- Says what became of an admitted login.
-- KEYS: lock, failures and attempts in flight of the account, count of the network
-- ARGV: attempt, outcome, threshold (0: none), window ms, lock ms, limit of the network (0: none)
-- Answer: OK, 1 if this has locked the account
local failed, threshold = ARGV[2] == 'failed', tonumber(ARGV[3])
if tonumber(ARGV[6]) > 0 and not failed and tonumber(redis.call('GET', KEYS[4]) or '0') > 0 then
  redis.call('DECR', KEYS[4])
end
if threshold == 0 then return {'OK', '0'} end
redis.call('ZREM', KEYS[3], ARGV[1])
if ARGV[2] == 'succeeded' then redis.call('DEL', KEYS[2]) end
if not failed then return {'OK', '0'} end

local now = clock()
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - tonumber(ARGV[4])))
redis.call('ZADD', KEYS[2], text(now), ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if redis.call('ZCARD', KEYS[2]) < threshold then return {'OK', '0'} end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[5])
redis.call('DEL', KEYS[2])
return {'OK', '1'}
