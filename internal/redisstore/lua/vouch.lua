-- Vouches for the store after a refill. The refill's key stays, so that a
-- retry after a lost answer succeeds too.
-- KEYS: vouch, refill, stamp, cuts, furthest expiry
-- ARGV: incarnation in which the refill began; the vouch that it found, or
--   nothing; its own name; the server's time as of which the store is complete,
--   ms; a stamp to go on from; what the clock that dated the vouch found says
--   now, ms, at most; how old by that clock an image may be, ms; for how long a
--   token that was handed out may still be good, ms; when by that clock the vouch
--   found is known to have been renewed, ms
local id, now = incarnation(), clock()
if id ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= life_of(KEYS[1]) then return {'LOST'} end

-- Dates the image: what is here when nobody vouches for it. It may lack the end
-- of sessions that was revoked after its date, and that the log has forgotten.
-- A date above the clock that gave it is no date.
local function young(at)
  if not at then return false end
  local age = tonumber(ARGV[6]) - tonumber(at)
  return age >= -60000 and age <= tonumber(ARGV[7])
end

-- A server that is still the process that was vouched for holds what it held then,
-- and is no image, unless an older copy of its keys was put into it.
local function same(was, kept) return was == id and tonumber(kept or '0') >= tonumber(ARGV[9]) end

-- The cuts may have been thrown away, unlike the vouch: their mark has gone then.
local function cuts_whole(by) return not by or redis.call('HEXISTS', KEYS[4], '-') == 1 end

if not vouched(KEYS[1]) then
  local was = redis.call('HMGET', KEYS[1], 'at', 'by', 'evicted', 'id', 'was', 'kept')
  if was[1] and (was[2] or '') ~= ARGV[2] then return {'LOST'} end
  if not same(was[4] or was[5], was[6]) and not young(was[1]) or not cuts_whole(was[2]) then
    floor = math.max(floor, tonumber(redis.call('GET', KEYS[3]) or ARGV[5]))
    redis.call('HSET', KEYS[1], 'ended_by', ARGV[3])
    redis.call('HSET', KEYS[4], 'image', text(floor) .. ' *')
    stamp_at_least(KEYS[3], floor + 1)
  end
  if tonumber(was[3] or '0') > 0 or tonumber(evictions()) > 0 then redis.call('HSET', KEYS[1], 'holes', '1') end
  redis.call('HDEL', KEYS[1], 'at', 'was')
  redis.call('HSET', KEYS[1], 'id', id, 'by', ARGV[3], 'evicted', evictions(), 'floor', text(floor))
  redis.call('HSET', KEYS[4], '-', '-')
end
stamp_at_least(KEYS[3], tonumber(ARGV[5]))
if tonumber(ARGV[8]) > 0 then lasts_until(KEYS[5], now + tonumber(ARGV[8])) end
vouch_as_of(KEYS[1], ARGV[4])
return {'OK'}
