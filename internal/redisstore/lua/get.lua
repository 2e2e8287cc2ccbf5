-- KEYS: vouch, session
-- ARGV: family to be proved, or nothing
-- Answer: OK, then the session's fields and values
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
local fields = redis.call('HGETALL', KEYS[2])
if #fields == 0 then return {'NOTFOUND'} end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[2], 'family') ~= ARGV[1] then return {'INVALID'} end
local answer = {'OK'}
for _, v in ipairs(fields) do answer[#answer + 1] = v end
return answer
