-- Takes one revocation in. It only adds, so it needs no vouch, and running it
-- twice is the same as once.
-- KEYS: stamp, revocation, index of revocations, outbox, session
-- ARGV: 1 revoke or apply, 2 stamp and 3 incarnation (apply only), 4 the
--   revocation as JSON without those two, 5 ttl ms, 6 revocation ID,
--   7 member of the index, 8 sid or nothing, 9 prefix of the user indexes
-- Answer: OK, stamp, incarnation
local now = clock()
local stamp, origin = ARGV[2], ARGV[3]
if ARGV[1] == 'revoke' then
  stamp, origin = text(stamp_at_least(KEYS[1], now)), incarnation()
else
  stamp_at_least(KEYS[1], tonumber(stamp))
end
local tail = ' ' .. ARGV[4]
local entry = stamp .. ' ' .. origin .. tail

-- A longer life is never shortened, and a replay of the very revocation that
-- is held does not lengthen it either.
local ttl = tonumber(ARGV[5])
local held = redis.call('GET', KEYS[2])
local same = held and string.sub(held, -#tail) == tail
if not same and redis.call('PTTL', KEYS[2]) < ttl then
  redis.call('SET', KEYS[2], entry, 'PX', text(ttl))
  redis.call('ZADD', KEYS[3], text(now + ttl), ARGV[7])
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now - 1000))

-- The session belongs to this revocation only if it names it: the same sid of
-- another issuer does not. The user's index shares the hash tag.
if ARGV[8] ~= '' then
  local s = redis.call('HMGET', KEYS[5], 'revocation', 'index')
  if s[1] == ARGV[7] then
    redis.call('DEL', KEYS[5])
    redis.call('ZREM', ARGV[9] .. s[2], ARGV[8])
  end
end
if ARGV[1] == 'revoke' then redis.call('HSET', KEYS[4], ARGV[6], entry) end
return {'OK', stamp, origin}
