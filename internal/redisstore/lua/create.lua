-- Opens a session, and ends those that have to go for it.
-- KEYS: stamp, vouch, session, user index, revocation of the session, index of
--   revocations, outbox, cuts, furthest expiry
-- ARGV: prefixes of revocations, sessions and user indexes; idle ms, lifetime
--   ms, sid; limit, limit per kind, 1 to refuse; the JSON of a revocation in
--   four pieces between which go an evicted sid, that again, and the ttl; that
--   ttl ms, its margin ms; lifetime of the access token ms, or 0; then field and
--   value, field and value, ...
-- Answer: OK, now, stamp, absolute end, end unless refreshed, incarnation, ttl
--   of the revocations, then per evicted session: sid, device's id, kind and
--   name, IP
if not vouched(KEYS[2]) then return {'UNVOUCHED'} end
if redis.call('EXISTS', KEYS[5]) == 1 then return {'ENDED'} end
if redis.call('EXISTS', KEYS[3]) == 1 then return {'TAKEN'} end

local fields = {}
for i = 17, #ARGV, 2 do fields[ARGV[i]] = ARGV[i + 1] end
local limit, per_kind, sessions = tonumber(ARGV[7]), tonumber(ARGV[8]), {}
if limit + per_kind > 0 then
  sessions = sessions_of(KEYS[4], ARGV[2], fields.issuer, KEYS[8])
  local surplus = make_room(sessions, per_kind, kind_of(fields.device_kind)) + make_room(sessions, limit)
  if surplus > 0 and ARGV[9] == '1' then return {'LIMIT'} end
elseif redis.call('ZCARD', KEYS[4]) % 16 == 0 then
  sweep(KEYS[4], ARGV[2])
end

local now, origin = clock(), incarnation()
local stamp = text(stamp_at_least(KEYS[1], now))
local absolute = now + tonumber(ARGV[5])
local expires = text(math.min(now + tonumber(ARGV[4]), absolute))
local ttl = life_for(KEYS[9], now, ARGV[14], ARGV[15]) -- before this token, which is not revoked by it
local answer = {'OK', text(now), stamp, text(absolute), expires, origin, ttl}

local place = {ARGV[1], KEYS[6], ARGV[2], ARGV[3]}
for _, s in ipairs(sessions) do
  if s.goes then
    local tail = ' ' .. ARGV[10] .. s.sid .. ARGV[11] .. s.sid .. ARGV[12] .. ttl .. ARGV[13]
    local entry = stamp .. ' ' .. origin .. tail
    take(place, now, entry, tail, ttl, s.member, s.sid)
    redis.call('HSET', KEYS[7], s.sid .. ' ' .. stamp, entry) -- see events.Revocation.Filing
    for _, v in ipairs(s.says) do answer[#answer + 1] = v end
  end
end

redis.call('HSET', KEYS[3], unpack(ARGV, 17))
redis.call('HSET', KEYS[3], 'created', text(now), 'seen', text(now), 'rotated', text(now),
  'absolute', text(absolute), 'expires', expires, 'stamp', stamp)
redis.call('PEXPIREAT', KEYS[3], expires)

if tonumber(ARGV[16]) > 0 then lasts_until(KEYS[9], now + tonumber(ARGV[16])) end

-- The index outlives every session in it. What has expired is dropped by List,
-- by limits and by sweep.
redis.call('ZADD', KEYS[4], text(now), ARGV[6])
if redis.call('PTTL', KEYS[4]) < absolute - now then
  redis.call('PEXPIREAT', KEYS[4], text(absolute))
end
return answer
