-- Puts new bytes in the place of those that were read, if they are still there.
-- KEYS: record. ARGV: old, new, expiry or '', retention, lease of a sign-in or '',
-- channel, notice or ''.
local bytes = redis.call('GET', KEYS[1])
if not bytes then return NOTFOUND end
if bytes ~= ARGV[1] then return CONFLICT end
if ARGV[5] ~= '' and clock() > tonumber(ARGV[5]) then return LAPSED end
if ARGV[7] ~= '' then redis.call('PERSIST', KEYS[1]) end -- the first write: an end is made also when memory is full
store(KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
if ARGV[7] ~= '' then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
return OK
