-- Counts one refresh of a session.
-- KEYS: count
-- ARGV: window ms
-- Answer: how many there have been since the window began
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n
