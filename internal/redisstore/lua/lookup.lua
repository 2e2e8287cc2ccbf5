-- The edge's question about one token. Reads only.
-- KEYS: vouch, then revocations by id, cutoffs that end, cutoffs that ask for a
--   refresh, then the session if it is asked for
-- ARGV: staleness ms, the revocation of that session or nothing, how many ids,
--   how many cutoffs that end, the token's stamp
-- Answer: how many revoke it, how many ask for a refresh, 1 if the store is
--   vouched for, 1 if the session is there, belongs to that revocation and has
--   not expired
local last, live, now = #KEYS, 0, clock()
if ARGV[2] ~= '' then
  local s = redis.call('HMGET', KEYS[last], 'revocation', 'expires')
  if s[1] == ARGV[2] and now < tonumber(s[2]) then live = 1 end
  last = last - 1
end
local ids, ends, stamp = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local revoked, outdated = redis.call('EXISTS', unpack(KEYS, 2, 1 + ids)), 0
for i = 2 + ids, last do
  if stamp <= cutoff_of(redis.call('GET', KEYS[i])) then
    if i <= 1 + ids + ends then revoked = revoked + 1 else outdated = outdated + 1 end
  end
end
local v = redis.call('HMGET', KEYS[1], 'id', 'at')
local fresh = 0
if v[1] == incarnation() then
  local age = now - tonumber(v[2])
  if age >= 0 and age <= tonumber(ARGV[1]) then fresh = 1 end
end
return {revoked, outdated, fresh, live}
