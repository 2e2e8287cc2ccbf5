-- Takes one new revocation in. It only adds, so it needs no vouch, and running
-- it twice is the same as once. All keys share the hash tag of those named.
-- KEYS: stamp, index of revocations, outbox, cuts, vouch, furthest expiry
-- ARGV: prefixes of revocations, sessions and user indexes, then JSON without
--   stamp and incarnation in two pieces between which its ttl goes, that ttl ms,
--   member, sid or reach or nothing, kind, revocation ID, a stamp to go on from
--   if nobody vouches for the stamp here, margin ms
-- Answer: OK, stamp, incarnation, ttl ms
local now = clock()
local last = stamp_at_least(KEYS[1], vouched(KEYS[5]) and now or math.max(now, tonumber(ARGV[11])))
-- Whatever was stamped before is at or below a cutoff, whatever comes is above.
if ARGV[9] == 'cutoff' then stamp_at_least(KEYS[1], last + 1) end
local stamp, origin = text(last), incarnation()
local ttl = life_for(KEYS[6], now, ARGV[6], ARGV[12])
local tail = ' ' .. ARGV[4] .. ttl .. ARGV[5]
local entry = stamp .. ' ' .. origin .. tail
take({ARGV[1], KEYS[2], ARGV[2], ARGV[3], KEYS[4]}, now, entry, tail, ttl, ARGV[7], ARGV[8], ARGV[9])
trim(KEYS[2], now)
redis.call('HSET', KEYS[3], ARGV[10] .. ' ' .. stamp, entry) -- see events.Revocation.Filing
return {'OK', stamp, origin, ttl}
