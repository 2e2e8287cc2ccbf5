-- The edge's question. Reads only.
-- KEYS: vouch, one or more revocations, then the session if it is asked for
-- ARGV: staleness ms, then the revocation of that session or nothing
-- Answer: how many revocations are held, 1 if the store is vouched for, 1 if
--   the session is there, belongs to that revocation and has not expired
local last, live, now = #KEYS, 0, clock()
if ARGV[2] ~= '' then
  local s = redis.call('HMGET', KEYS[last], 'revocation', 'expires')
  if s[1] == ARGV[2] and now < tonumber(s[2]) then live = 1 end
  last = last - 1
end
local held = redis.call('EXISTS', unpack(KEYS, 2, last))
local v = redis.call('HMGET', KEYS[1], 'id', 'at')
local fresh = 0
if v[1] == incarnation() then
  local age = now - tonumber(v[2])
  if age >= 0 and age <= tonumber(ARGV[1]) then fresh = 1 end
end
return {held, fresh, live}
