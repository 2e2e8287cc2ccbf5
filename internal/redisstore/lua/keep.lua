-- Renews a vouch that still holds; never makes one.
-- KEYS: vouch, stamp
-- ARGV: the server's time as of which it holds, ms
-- Answer: OK, the last stamp
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
vouch_as_of(KEYS[1], ARGV[1])
return {'OK', redis.call('GET', KEYS[2]) or '0'}
