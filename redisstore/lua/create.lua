-- KEYS: record, index of its shard. ARGV: bytes, ID, expiry or '', retention.
local over = tonumber(ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 1 then return CONFLICT end
store(KEYS[1], ARGV[1], over, tonumber(ARGV[4]))
redis.call('ZADD', KEYS[2], 0, ARGV[2])
return OK
