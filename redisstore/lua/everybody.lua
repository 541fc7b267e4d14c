-- Begins to end everybody's sessions. KEYS: everybody. ARGV: at, reason, actor, except.
local now = clock()
makeRoom(KEYS[1])
local epoch = text(math.max(now, tonumber(redis.call('HGET', KEYS[1], 'epoch') or 0) + 1))
redis.call('HSET', KEYS[1], 'epoch', epoch, 'open', text(now), 'at', ARGV[1], 'reason', ARGV[2], 'actor', ARGV[3], 'except', ARGV[4])
return epoch
