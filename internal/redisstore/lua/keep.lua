-- Renews a vouch that still holds; never makes one.
-- KEYS: vouch
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
redis.call('HSET', KEYS[1], 'at', text(clock()))
return {'OK'}
