-- Writes a record that is imported, if what was read of it still stands: another
-- record, or none.
-- KEYS: record, index of its shard. ARGV: the bytes that were read or '', new ones,
-- expiry or '', retention, until when it may be written or '', channel, notice or
-- '', ID.
local bytes = redis.call('GET', KEYS[1]) or ''
if bytes ~= ARGV[1] then return CONFLICT end
if ARGV[5] ~= '' and clock() > tonumber(ARGV[5]) then return LAPSED end
if ARGV[7] ~= '' then redis.call('PERSIST', KEYS[1]) end -- a first write: an end is made also when memory is full
store(KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
if bytes == '' then redis.call('ZADD', KEYS[2], 0, ARGV[8]) end
if ARGV[7] ~= '' then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
return OK
