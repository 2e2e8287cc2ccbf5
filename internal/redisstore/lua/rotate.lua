-- KEYS: stamp, vouch, session
-- ARGV: prefix of the revocations, family, presented, successor, salt, grace ms, idle ms
-- Answer: OK, now, stamp, salt, expires, then the session's fields and values
-- The revocation's key is known only from the session; it shares the hash tag.
if not vouched(KEYS[2]) then return {'UNVOUCHED'} end
local s = redis.call('HMGET', KEYS[3],
  'family', 'current', 'previous', 'salt', 'rotated', 'absolute', 'expires', 'revocation')
if not s[1] or redis.call('EXISTS', ARGV[1] .. s[8]) == 1 then return {'ENDED'} end
if s[1] ~= ARGV[2] then return {'INVALID'} end

-- A key may outlive its expiry by the length of a script.
local now = clock()
if now >= tonumber(s[7]) then return {'ENDED'} end
local salt, expires = ARGV[5], nil
if s[2] == ARGV[3] then
  expires = text(math.min(now + tonumber(ARGV[7]), tonumber(s[6])))
  redis.call('HSET', KEYS[3], 'previous', ARGV[3], 'current', ARGV[4], 'salt', salt,
    'rotated', text(now), 'seen', text(now), 'expires', expires)
  redis.call('PEXPIREAT', KEYS[3], expires)
elseif s[3] == ARGV[3] and math.abs(now - tonumber(s[5])) <= tonumber(ARGV[6]) then
  -- A retry of the immediate predecessor gets the successor that won.
  salt, expires = s[4], s[7]
else
  return {'REUSED'}
end

local answer = {'OK', text(now), text(stamp_at_least(KEYS[1], now)), salt, expires}
for _, v in ipairs(redis.call('HGETALL', KEYS[3])) do answer[#answer + 1] = v end
return answer
