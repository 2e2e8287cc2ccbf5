-- The edge's question. Reads only.
-- KEYS: vouch, then one or more revocations
-- ARGV: staleness ms
-- Answer: how many of them are held, 1 if the store is vouched for
local held = redis.call('EXISTS', unpack(KEYS, 2))
local v = redis.call('HMGET', KEYS[1], 'id', 'at')
local fresh = 0
if v[1] == incarnation() then
  local age = clock() - tonumber(v[2])
  if age >= 0 and age <= tonumber(ARGV[1]) then fresh = 1 end
end
return {held, fresh}
