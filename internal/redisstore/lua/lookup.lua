-- The edge's question about one token. Reads only.
-- KEYS: vouch, then revocations by id, cutoffs that end, cutoffs that ask for a
--   refresh, then the session if it is asked for
-- ARGV: staleness ms, the revocation of that session or nothing, how many ids,
--   how many cutoffs that end, the token's stamp
-- Answer: how many revoke it, how many ask for a refresh, 1 if the store is
--   vouched for, 1 if the session is there, belongs to that revocation, has not
--   expired and did not come with an old image
local v = redis.call('HMGET', KEYS[1], 'id', 'at', 'evicted', 'floor')
local last, s = #KEYS, nil
if ARGV[2] ~= '' then
  s = redis.call('HMGET', KEYS[last], 'revocation', 'expires', 'stamp')
  last = last - 1
end
local ids, ends, stamp = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local revoked, outdated = redis.call('EXISTS', unpack(KEYS, 2, 1 + ids)), 0
for i = 2 + ids, last do
  if stamp <= cutoff_of(redis.call('GET', KEYS[i])) then
    if i <= 1 + ids + ends then revoked = revoked + 1 else outdated = outdated + 1 end
  end
end
-- What is thrown away after this shows in the next answer. A vouch by an issuer
-- of before that was counted does not say.
local fresh, live = 0, 0
local whole = v[1] == incarnation() and (not v[3] or v[3] == evictions())
-- The clock is read last: all that was searched is as old as that.
local now = clock()
if whole then
  local age = now - tonumber(v[2])
  if age >= 0 and age <= tonumber(ARGV[1]) then fresh = 1 end
end
if s and s[1] == ARGV[2] and now < tonumber(s[2]) and tonumber(s[3] or '0') > tonumber(v[4] or '0') then live = 1 end
return {revoked, outdated, fresh, live}
