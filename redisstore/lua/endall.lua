-- Raises the principal's epoch and marks its sessions as to be ended.
-- KEYS: principal, the disabled ones of its shard. ARGV: the ID that stays, access
-- (0 keep, 1 deny, 2 allow), at, reason, actor, how long to hold the hash, the
-- principal's name.
local now = clock()
makeRoom(KEYS[1])
redis.call('HSET', KEYS[1], 'e', text(math.max(now, tonumber(redis.call('HGET', KEYS[1], 'e') or 0) + 1)))
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'd', '1')
  redis.call('ZADD', KEYS[2], 0, ARGV[7])
elseif ARGV[2] == '2' then
  redis.call('HDEL', KEYS[1], 'd')
  redis.call('ZREM', KEYS[2], ARGV[7])
end
hold(KEYS[1], now + tonumber(ARGV[6]))
local marked = {}
if ARGV[2] == '2' then return marked end
entries(KEYS[1], function(id, entry)
  local state = string.sub(entry, 1, 1)
  if id == ARGV[1] or state == 'E' then return end
  if state ~= 'X' then
    local lease = state == 'L' and 0 or instant(entry)
    entry = 'X' .. struct.pack('>i8i8I4', lease, tonumber(ARGV[3]), #ARGV[4]) .. ARGV[4] .. ARGV[5]
    redis.call('HSET', KEYS[1], id, entry)
  end
  marked[#marked + 1] = id
  marked[#marked + 1] = entry
  marked[#marked + 1] = state
end)
return marked
