-- Stands in front of every script. Numbers that leave a script do so as
-- decimal text: Lua would print a large one with an exponent.

local function text(n) return string.format('%.0f', n) end

-- The server's own clock, in Unix milliseconds.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function identity_field(section, name)
  local info = redis.pcall('INFO', section)
  local value = type(info) == 'string' and string.match(info, name .. ':(%x+)')
  if not value then
    error('curfew: this Redis server does not identify itself: INFO ' .. section .. ' gives no ' .. name)
  end
  return value
end

-- Names this server process and its replication history. A restart changes
-- the first half, the promotion of a replica the second.
local function incarnation()
  return identity_field('server', 'run_id') .. '-' .. identity_field('replication', 'master_replid')
end

-- Whether somebody has vouched that this incarnation lost nothing.
local function vouched(key)
  return redis.call('HGET', key, 'id') == incarnation()
end

-- Dates a vouch by when its claim was true, not by when this runs: the request
-- may have waited in the socket of a server that was stopped. The date moves
-- forward only, unless the clock itself was set back.
local function vouch_as_of(key, as_of)
  local now, at = clock(), tonumber(redis.call('HGET', key, 'at') or '0')
  if at > now then at = 0 end
  redis.call('HSET', key, 'at', text(math.max(at, math.min(tonumber(as_of), now))))
end

-- Moves the last stamp up to floor, never down, and returns it.
local function stamp_at_least(key, floor)
  local last = math.max(tonumber(redis.call('GET', key) or '0'), floor)
  redis.call('SET', key, text(last))
  return last
end

-- The stamp of an entry as it is held, 0 if there is none.
local function cutoff_of(entry)
  local stamp = string.match(entry or '', '^%d+')
  return tonumber(stamp or '0')
end

-- Whether a session is over by a cutoff. members: the cutoffs that concern it,
-- apart from each other by blanks. Without them or a stamp it cannot be told,
-- and it is over.
local function cut_off(cuts, members, stamp)
  if not members or not stamp then return true end
  local names = {}
  for name in string.gmatch(members, '%S+') do names[#names + 1] = name end
  for _, cut in ipairs(redis.call('HMGET', cuts, unpack(names))) do
    if tonumber(stamp) <= cutoff_of(cut) then return true end
  end
  return false
end
