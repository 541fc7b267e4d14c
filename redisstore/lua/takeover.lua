-- Takes over an ending of everybody whose beginner is gone: nobody has worked on
-- it for a minute. Returns what it is, or nothing.
-- KEYS: everybody. ARGV: nothing.
local open = redis.call('HGET', KEYS[1], 'open')
if not open or clock() - tonumber(open) <= PATIENCE then return {} end
makeRoom(KEYS[1])
redis.call('HSET', KEYS[1], 'open', text(clock()))
return redis.call('HMGET', KEYS[1], 'epoch', 'at', 'reason', 'actor', 'except')
