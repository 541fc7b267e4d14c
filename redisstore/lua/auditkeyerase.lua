-- Removes keys. It returns how many, and the mark that is there while the append-only
-- file may have to be written anew because of them, or of others before, or ''.
-- KEYS: keys, their owners by time, mark. ARGV: the mark to be set, owners.
local n = 0
for i = 2, #ARGV do
  local key = redis.call('HGET', KEYS[1], ARGV[i])
  if key then
    redis.call('HDEL', KEYS[1], ARGV[i]) -- a first write: also when memory is full
    redis.call('ZREM', KEYS[2], string.sub(key, 1, 8) .. ARGV[i])
    n = n + 1
  end
end
if n > 0 then redis.call('SET', KEYS[3], ARGV[1]) end
return {n, redis.call('GET', KEYS[3]) or ''}
