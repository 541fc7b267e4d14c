-- Raises everybody's epoch for the principals of one shard; it is open until
-- every session has been ended. KEYS: epochs of the shard. ARGV: epoch, whether to
-- close it.
makeRoom(KEYS[1])
local old = tonumber(redis.call('HGET', KEYS[1], 'p') or 0)
if ARGV[2] == '1' then
  if old <= tonumber(ARGV[1]) then redis.call('HDEL', KEYS[1], 'o') end
elseif old < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'p', ARGV[1], 'o', text(clock()))
end
return OK
