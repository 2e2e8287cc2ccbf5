-- Opens a refill. A wipe before it is vouched for takes this key along.
-- KEYS: refill, vouch
-- ARGV: how long the refill may take, ms
-- Answer: OK, incarnation, the vouch that is here and its date, or nothing
redis.call('SET', KEYS[1], life_of(KEYS[2]), 'PX', ARGV[1])
local v = redis.call('HMGET', KEYS[2], 'by', 'at')
return {'OK', incarnation(), v[1] or '', v[2] or '0'}
