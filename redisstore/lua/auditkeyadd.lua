-- Adds keys whose owners have none. KEYS: keys, their owners by time. ARGV: for each
-- the owner, and its time with the key.
for i = 1, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call('ZADD', KEYS[2], 0, string.sub(ARGV[i + 1], 1, 8) .. ARGV[i])
  end
end
return 0
