-- KEYS: vouch, user index
-- ARGV: prefix of the sessions, most sessions to return
-- Answer: OK, then per session a list of sid, field, value, field, value, ...
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
local answer, most = {'OK'}, tonumber(ARGV[2])
for _, sid in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local fields = redis.call('HGETALL', ARGV[1] .. sid)
  if #fields == 0 then
    redis.call('ZREM', KEYS[2], sid)
  else
    table.insert(fields, 1, sid)
    answer[#answer + 1] = fields
    if #answer > most then break end
  end
end
return answer
