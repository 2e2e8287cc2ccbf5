-- Ends the vouch for everybody, and every refill that began before. What is
-- another server's is left alone.
-- KEYS: vouch
-- ARGV: incarnation
if incarnation() == ARGV[1] then withdraw(KEYS[1]) end
return {'OK'}
