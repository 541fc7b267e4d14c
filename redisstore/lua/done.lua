-- All shards have been seen to. KEYS: everybody. ARGV: epoch.
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then redis.call('HDEL', KEYS[1], 'open') end
return OK
