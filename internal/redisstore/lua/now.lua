-- Reads the clock of the server that has a key.
-- KEYS: vouch
return {'OK', text(clock())}
