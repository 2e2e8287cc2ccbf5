-- KEYS: vouch, session, cuts
-- ARGV: family to be proved, or nothing
-- Answer: OK, then the session's fields and values
if not vouched(KEYS[1]) then return {'UNVOUCHED'} end
local fields = redis.call('HGETALL', KEYS[2])
if #fields == 0 then return {'NOTFOUND'} end
local s = redis.call('HMGET', KEYS[2], 'family', 'cutoffs', 'stamp')
if cut_off(KEYS[3], s[2], s[3]) then return {'NOTFOUND'} end
if ARGV[1] ~= '' and s[1] ~= ARGV[1] then return {'INVALID'} end
local answer = {'OK'}
for _, v in ipairs(fields) do answer[#answer + 1] = v end
return answer
