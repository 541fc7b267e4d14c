-- Replaces entries that are as they were read, and confirms a reservation.
-- KEYS: principal. ARGV: ID or '', lease, its new entry, until when to hold the
-- hash, then ID, old and new entry (or '') of each to replace.
local now = clock()
makeRoom(KEYS[1])
for i = 5, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    if ARGV[i + 2] == '' then
      redis.call('HDEL', KEYS[1], ARGV[i])
    else
      redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    end
  end
end
if ARGV[1] == '' then return {OK} end
local mine = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local state = string.sub(mine, 1, 1)
local lapsed = now > tonumber(ARGV[2])
if state == 'X' or state == 'E' and not lapsed then return {MARKED, mine} end
if state ~= 'R' and state ~= 'r' or instant(mine) ~= tonumber(ARGV[2]) or lapsed then return {LAPSED, mine} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
hold(KEYS[1], tonumber(ARGV[4]))
return {OK}
