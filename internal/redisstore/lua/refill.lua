-- Opens a refill. A wipe before it is vouched for takes this key along.
-- KEYS: refill
-- ARGV: how long the refill may take, ms
-- Answer: OK, incarnation
local id = incarnation()
redis.call('SET', KEYS[1], id, 'PX', ARGV[1])
return {'OK', id}
