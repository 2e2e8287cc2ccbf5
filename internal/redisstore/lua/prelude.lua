-- Stands in front of every script. Numbers that leave a script do so as
-- decimal text: Lua would print a large one with an exponent.

local function text(n) return string.format('%.0f', n) end

-- The server's own clock, in Unix milliseconds.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- What INFO says of identity, asked once: for a short script it is the dearest
-- part. Servers older than Redis 7 take one section at a time.
local told
local function tell()
  if told then return told end
  local all = redis.pcall('INFO', 'server', 'replication', 'stats')
  if type(all) ~= 'string' then
    all = ''
    for _, section in ipairs({'server', 'replication', 'stats'}) do
      local part = redis.pcall('INFO', section)
      if type(part) == 'string' then all = all .. part end
    end
  end
  told = '\n' .. all
  return told
end

local function told_field(section, name, form)
  local _, to = string.find(tell(), '\n' .. name .. ':', 1, true)
  local value = to and string.match(told, '^' .. form, to + 1)
  if not value then
    error('curfew: this Redis server does not identify itself: INFO ' .. section .. ' gives no ' .. name)
  end
  return value
end

-- Names this server process and its replication history. A restart changes
-- the first half, the promotion of a replica the second.
local function incarnation()
  return told_field('server', 'run_id', '%x+') .. '-' .. told_field('replication', 'master_replid', '%x+')
end

-- How many keys this process has thrown away for lack of memory.
local function evictions() return told_field('stats', 'evicted_keys', '%d+') end

-- Sessions stamped at or below it are over: they came with an image that may
-- lack their end. Known once vouched() has looked.
local floor = 0

-- Whether somebody has vouched that this incarnation lost nothing, and it has
-- not thrown anything away since.
local function vouched(key)
  local v = redis.call('HMGET', key, 'id', 'evicted', 'floor')
  floor = tonumber(v[3] or '0')
  return v[1] == incarnation() and v[2] == evictions()
end

-- What a refill relies on: that it still writes into the same server, which has
-- thrown nothing away, and that no vouch has been withdrawn since it began.
local function life_of(key)
  return incarnation() .. ' ' .. evictions() .. ' ' .. (redis.call('HGET', key, 'ends') or '0')
end

-- Withdraws a vouch. Whose it was stays, and its date.
local function withdraw(key)
  local id = redis.call('HGET', key, 'id')
  if id then redis.call('HSET', key, 'was', id) end
  redis.call('HDEL', key, 'id')
  redis.call('HINCRBY', key, 'ends', 1)
end

-- Dates a vouch by when its claim was true, not by when this runs: the request
-- may have waited in the socket of a server that was stopped. The date moves
-- forward only, unless the clock itself was set back. When this runs is noted too.
local function vouch_as_of(key, as_of)
  local now, at = clock(), tonumber(redis.call('HGET', key, 'at') or '0')
  if at > now then at = 0 end
  redis.call('HSET', key, 'at', text(math.max(at, math.min(tonumber(as_of), now))), 'kept', text(now))
end

-- Moves the last stamp up to floor, never down, and returns it.
local function stamp_at_least(key, floor)
  local last = math.max(tonumber(redis.call('GET', key) or '0'), floor)
  redis.call('SET', key, text(last))
  return last
end

-- Notes until when tokens that are handed out may be good. Most scripts find that
-- it has hardly moved, and need not write: a second is nothing to the margin.
local function lasts_until(key, at)
  if at - tonumber(redis.call('GET', key) or '0') >= 1000 then redis.call('SET', key, text(at)) end
end

-- For how long a token that was handed out may still be good, negative if none
-- is, or nothing if there was none. Two days at most: a clock that was far ahead
-- must not make revocations live for ever.
local function left_of(key, now)
  local last = redis.call('GET', key)
  return last and math.min(tonumber(last) - now, 172800000)
end

-- How long a revocation lives: ttl, or for the margin longer than any token that
-- was handed out.
local function life_for(key, now, ttl, margin)
  local left = left_of(key, now)
  return text(left and math.max(tonumber(ttl), left + tonumber(margin)) or tonumber(ttl))
end

-- The stamp of an entry as it is held, 0 if there is none.
local function cutoff_of(entry)
  local stamp = string.match(entry or '', '^%d+')
  return tonumber(stamp or '0')
end

-- Whether a session is over by a cutoff, or came with an old image. members:
-- the cutoffs that concern it, apart from each other by blanks. Without them or
-- a stamp it cannot be told, and it is over. Only for scripts that have called
-- vouched().
local function cut_off(cuts, members, stamp)
  if not members or not stamp or tonumber(stamp) <= floor then return true end
  local names = {}
  for name in string.gmatch(members, '%S+') do names[#names + 1] = name end
  for _, cut in ipairs(redis.call('HMGET', cuts, unpack(names))) do
    if tonumber(stamp) <= cutoff_of(cut) then return true end
  end
  return false
end
