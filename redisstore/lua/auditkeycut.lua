-- Removes old keys, the oldest first, and returns how many. KEYS: keys, their owners by
-- time. ARGV: before when, how many at most.
local old = redis.call('ZRANGE', KEYS[2], '-', ARGV[1], 'BYLEX', 'LIMIT', 0, ARGV[2])
for _, member in ipairs(old) do
  redis.call('ZREM', KEYS[2], member)
  redis.call('HDEL', KEYS[1], string.sub(member, 9))
end
return #old
