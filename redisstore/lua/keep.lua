-- Holds the principal's hash until that instant. KEYS: principal. ARGV: until.
if redis.call('EXISTS', KEYS[1]) == 1 then hold(KEYS[1], tonumber(ARGV[1])) end
return OK
