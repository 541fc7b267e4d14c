-- KEYS: principal, epochs of its shard.
local own = redis.call('HMGET', KEYS[1], 'e', 'd')
return {own[1] or '0', redis.call('HGET', KEYS[2], 'p') or '0', own[2] and 1 or 0, stale(KEYS[2], clock())}
