-- Takes one new revocation in. It only adds, so it needs no vouch, and running
-- it twice is the same as once. All keys share the hash tag of those named.
-- KEYS: stamp, index of revocations, outbox, cuts, vouch
-- ARGV: prefixes of revocations, sessions and user indexes, then JSON without
--   stamp and incarnation, ttl ms, member, sid or reach or nothing, kind,
--   revocation ID, a stamp to go on from if nobody vouches for the stamp here
-- Answer: OK, stamp, incarnation
local now = clock()
local last = stamp_at_least(KEYS[1], vouched(KEYS[5]) and now or math.max(now, tonumber(ARGV[10])))
-- Whatever was stamped before is at or below a cutoff, whatever comes is above.
if ARGV[8] == 'cutoff' then stamp_at_least(KEYS[1], last + 1) end
local stamp, origin = text(last), incarnation()
local tail = ' ' .. ARGV[4]
local entry = stamp .. ' ' .. origin .. tail
take({ARGV[1], KEYS[2], ARGV[2], ARGV[3], KEYS[4]}, now, entry, tail, ARGV[5], ARGV[6], ARGV[7], ARGV[8])
trim(KEYS[2], now)
redis.call('HSET', KEYS[3], ARGV[9], entry)
return {'OK', stamp, origin}
