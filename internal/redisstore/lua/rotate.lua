-- KEYS: stamp, vouch, session, cuts, furthest expiry
-- ARGV: prefix of the revocations, family, presented, successor, salt, grace ms,
--   idle ms or 0 to leave the end where it is, how often the time last seen is
--   written ms, 1 if the device must be the session's, device's id, issuer,
--   lifetime of the access token ms, or 0
-- Answer: OK, now, stamp, salt, expires, then the session's fields and values
-- The revocation's key is known only from the session; it shares the hash tag.
if not vouched(KEYS[2]) then return {'UNVOUCHED'} end
local s = redis.call('HMGET', KEYS[3],
  'family', 'current', 'previous', 'salt', 'rotated', 'absolute', 'expires', 'revocation', 'device_id', 'seen',
  'cutoffs', 'stamp', 'issuer')
if s[1] and cut_off(KEYS[4], s[11], s[12]) then return {'ENDED'} end
if not s[1] or redis.call('EXISTS', ARGV[1] .. s[8]) == 1 then return {'ENDED'} end
if s[1] ~= ARGV[2] or s[13] ~= ARGV[11] then return {'INVALID'} end
-- A session without a device is older than the rule, and bound to none.
if ARGV[9] == '1' and s[9] ~= '' and s[9] ~= ARGV[10] then return {'DEVICE'} end

-- A key may outlive its expiry by the length of a script.
local now = clock()
if now >= tonumber(s[7]) then return {'ENDED'} end
local salt, expires, idle = ARGV[5], s[7], tonumber(ARGV[7])
if s[2] == ARGV[3] then
  if idle > 0 then expires = text(math.min(now + idle, tonumber(s[6]))) end
  redis.call('HSET', KEYS[3], 'previous', ARGV[3], 'current', ARGV[4], 'salt', salt,
    'rotated', text(now), 'expires', expires)
  redis.call('PEXPIREAT', KEYS[3], expires)
elseif s[3] == ARGV[3] and math.abs(now - tonumber(s[5])) <= tonumber(ARGV[6]) then
  -- A retry of the immediate predecessor gets the successor that won.
  salt = s[4]
else
  return {'REUSED'}
end
if math.abs(now - tonumber(s[10])) >= tonumber(ARGV[8]) then redis.call('HSET', KEYS[3], 'seen', text(now)) end
if tonumber(ARGV[12]) > 0 then lasts_until(KEYS[5], now + tonumber(ARGV[12])) end

-- A key whose end comes meanwhile goes at once.
local fields = redis.call('HGETALL', KEYS[3])
if #fields == 0 then return {'ENDED'} end
local answer = {'OK', text(now), text(stamp_at_least(KEYS[1], now)), salt, expires}
for _, v in ipairs(fields) do answer[#answer + 1] = v end
return answer
