-- The record is there: the place that was taken for it becomes its entry. Tells if
-- it was marked as to be ended meanwhile.
-- KEYS: principal. ARGV: ID, place, entry, until when and how long at least to hold
-- the hash.
makeRoom(KEYS[1])
local mine = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if string.sub(mine, 1, 1) == 'X' then return {MARKED, mine} end
if mine == ARGV[2] or mine == '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  hold(KEYS[1], math.max(tonumber(ARGV[4]), clock() + tonumber(ARGV[5])))
end
return {OK}
