-- Whether entries get their whole life again that are held already: in a refill,
-- what is left of it may have been counted by the clock of another server, or by
-- one that has leapt.
local anew = false

-- Files a cutoff: the larger stamp stays. One that ends sessions is also noted
-- in the hash of cuts, by which sessions are refused until they are removed.
-- reach: whose sessions it ends, or nothing.
local function take_cutoff(place, now, entry, tail, ttl, member, reach)
  local key, stamp = place[1] .. member, cutoff_of(entry)
  local held = redis.call('GET', key) or ''
  local left = redis.call('PTTL', key)
  if cutoff_of(held) >= stamp then
    if string.sub(held, -#tail) == tail and not anew or left >= tonumber(ttl) then
      redis.call('ZADD', place[2], 'NX', text(now + left), member) -- the index may have been thrown away
      return
    end
    redis.call('PEXPIRE', key, ttl)
  else
    ttl = text(math.max(left, tonumber(ttl)))
    redis.call('SET', key, entry, 'PX', ttl)
    if reach ~= '' and cutoff_of(redis.call('HGET', place[5], member)) < stamp then
      redis.call('HSET', place[5], member, text(stamp) .. ' ' .. reach)
    end
  end
  redis.call('ZADD', place[2], text(now + tonumber(ttl)), member)
end

-- Files one revocation: its entry, its place in the index, and the end of the
-- session that it names. It only adds, so it may run any number of times.
-- place: prefix of the revocations, index of revocations, prefix of the
-- sessions, prefix of the user indexes, hash of cuts. kind: 'id' or 'cutoff'.
-- sid: of the session, or nothing; of a cutoff, its reach.
local function take(place, now, entry, tail, ttl, member, sid, kind)
  if kind == 'cutoff' then return take_cutoff(place, now, entry, tail, ttl, member, sid) end
  local key = place[1] .. member
  local filed = redis.call('SET', key, entry, 'NX', 'PX', ttl)
  if not filed then
    -- A longer life is never shortened, and a replay of the very revocation
    -- that is held does not lengthen it either.
    local same = string.sub(redis.call('GET', key) or '', -#tail) == tail
    if (anew or not same) and redis.call('PTTL', key) < tonumber(ttl) then
      filed = redis.call('SET', key, entry, 'PX', ttl)
    else -- the index may have been thrown away
      redis.call('ZADD', place[2], 'NX', text(now + redis.call('PTTL', key)), member)
    end
  end
  if filed then redis.call('ZADD', place[2], text(now + tonumber(ttl)), member) end

  -- The session belongs to this revocation only if it names it: the same sid
  -- of another issuer does not.
  if sid == '' then return end
  local s = redis.call('HMGET', place[3] .. sid, 'revocation', 'index')
  if s[1] == member then
    redis.call('DEL', place[3] .. sid)
    redis.call('ZREM', place[4] .. s[2], sid)
  end
end

-- Drops what has expired from the index. The entries go by themselves.
local function trim(index, now) redis.call('ZREMRANGEBYSCORE', index, '-inf', text(now - 1000)) end
