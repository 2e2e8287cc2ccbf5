-- KEYS: vouch, user index, cuts
-- ARGV: prefix of the sessions, most sessions to return, from which position
-- Answer: OK, the position to go on from or -1, then per session a list of sid,
--   field, value, field, value, ...
-- Sessions that are over by a cutoff are passed over; the reaper removes them.
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
local most, from = tonumber(ARGV[2]), tonumber(ARGV[3])
local sids = redis.call('ZRANGE', KEYS[2], from, from + most - 1)
local answer, gone = {'OK', ''}, 0
for _, sid in ipairs(sids) do
  local fields = redis.call('HGETALL', ARGV[1] .. sid)
  if #fields == 0 then
    gone = gone + redis.call('ZREM', KEYS[2], sid)
  else
    local s = redis.call('HMGET', ARGV[1] .. sid, 'cutoffs', 'stamp')
    if not cut_off(KEYS[3], s[1], s[2]) then
      table.insert(fields, 1, sid)
      answer[#answer + 1] = fields
    end
  end
end
answer[2] = #sids < most and '-1' or text(from + most - gone)
return answer
