-- Changes a key and leaves nothing, so that who has read it is told. KEYS: the key.
redis.call('DEL', KEYS[1]) -- a first write: also when memory is full
redis.call('SET', KEYS[1], '')
redis.call('DEL', KEYS[1])
return 0
