-- Takes the mark away, unless more keys were removed since. KEYS: mark. ARGV: the mark.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
