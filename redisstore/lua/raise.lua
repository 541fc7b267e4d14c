-- Raises everybody's epoch in one shard. KEYS: epochs of the shard. ARGV: the
-- field ('p' of its principals, 's' of its sessions, 'o' when all is done), epoch.
local field, epoch = ARGV[1], tonumber(ARGV[2])
if field == 'o' then
  if tonumber(redis.call('HGET', KEYS[1], 'p') or 0) <= epoch then redis.call('HDEL', KEYS[1], 'o') end
elseif tonumber(redis.call('HGET', KEYS[1], field) or 0) < epoch then
  redis.call('HSET', KEYS[1], field, ARGV[2])
  if field == 'p' then redis.call('HSET', KEYS[1], 'o', text(clock())) end
end
return OK
