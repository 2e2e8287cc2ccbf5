-- Begins a pass over sessions to be removed.
-- KEYS: vouch
-- Answer: OK, what the pass relies on, 1 if an index may have been thrown away
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
return {'OK', life_of(KEYS[1]), redis.call('HGET', KEYS[1], 'holes') or '0'}
