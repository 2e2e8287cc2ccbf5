-- Vouches for the store after a refill. The refill's key stays, so that a
-- retry after a lost answer succeeds too.
-- KEYS: vouch, refill, stamp
-- ARGV: incarnation in which the refill began, the server's time as of which
--   the store is complete, ms; a stamp to go on from
local id = incarnation()
if id ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= id then return {'LOST'} end
if redis.call('HGET', KEYS[1], 'id') ~= id then
  redis.call('DEL', KEYS[1]) -- with its date, by another server's clock
end
redis.call('HSET', KEYS[1], 'id', id)
stamp_at_least(KEYS[3], tonumber(ARGV[3]))
vouch_as_of(KEYS[1], ARGV[2])
return {'OK'}
