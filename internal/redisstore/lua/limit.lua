-- No kind is a kind too, or leaving it out would go round a limit.
local function kind_of(text) return text == '' and 'other' or text end

-- A user's live sessions of one issuer, oldest first. What has expired leaves
-- the index; what is over by a cutoff does not count.
local function sessions_of(index, prefix, issuer, cuts)
  local found = {}
  for _, sid in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    local s = redis.call('HMGET', prefix .. sid,
      'revocation', 'issuer', 'device_id', 'device_kind', 'device_name', 'ip', 'cutoffs', 'stamp')
    if not s[1] then
      redis.call('ZREM', index, sid)
    elseif s[2] == issuer and not cut_off(cuts, s[7], s[8]) then
      found[#found + 1] = {sid = sid, member = s[1], kind = kind_of(s[4]), says = {sid, s[3], s[4], s[5], s[6]}}
    end
  end
  return found
end

-- Drops some of what has expired. An index to which every login adds, and that
-- nobody lists, would otherwise grow for as long as its user comes back. More
-- goes than comes: up to 64 for 16 logins.
local function sweep(index, prefix)
  for _, sid in ipairs(redis.call('ZRANDMEMBER', index, 64)) do
    if redis.call('EXISTS', prefix .. sid) == 0 then redis.call('ZREM', index, sid) end
  end
end

-- Has the oldest sessions go until one more keeps to the limit, 0 for none.
-- kind: of those that count, or nothing. Returns how many have to go.
local function make_room(sessions, limit, kind)
  local counted, gone = {}, 0
  for _, s in ipairs(sessions) do
    if not s.goes and (not kind or s.kind == kind) then counted[#counted + 1] = s end
  end
  while limit > 0 and #counted - gone >= limit do
    gone = gone + 1
    counted[gone].goes = true
  end
  return gone
end
