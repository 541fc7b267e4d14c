-- Takes a place for a session that signs in.
-- KEYS: principal, epochs of its shard. ARGV: ID, epochs, limit, whether to end
-- the oldest, how long to hold the hash, then ID and entry of each session that
-- was looked at and takes no place.
local id, limit, endOldest = ARGV[1], tonumber(ARGV[4]), ARGV[5] == '1'
local now = clock()
if redis.call('HEXISTS', KEYS[1], 'd') == 1 then return {DISABLED} end
local own = redis.call('HGET', KEYS[1], 'e') or '0'
local all = redis.call('HGET', KEYS[2], 'p') or '0'
if own ~= ARGV[2] or all ~= ARGV[3] then return {EPOCH} end
local discount = {}
for i = 7, #ARGV, 2 do discount[ARGV[i]] = ARGV[i + 1] end

local mine, living, left, due, flight, count = '', {}, {}, {}, 0, 0
entries(KEYS[1], function(other, entry)
  local state, when = string.sub(entry, 1, 1), instant(entry)
  if state == 'E' and when < now then
    redis.call('HDEL', KEYS[1], other)
  elseif other == id then
    mine = entry
  elseif state == 'X' or state == 'R' and when < now then
    left[#left + 1] = other; left[#left + 1] = entry
  elseif state == 'L' or state == 'r' and when < now then
    living[#living + 1] = other; living[#living + 1] = entry
    if discount[other] ~= entry then count = count + 1 end
    if when < now and #due < 16 then due[#due + 1] = other; due[#due + 1] = entry end
  elseif state == 'R' or state == 'r' then
    flight = flight + 1
  end
end)
local state = string.sub(mine, 1, 1)
if state == 'X' then return {LEFT, '', mine, 0, {}, {id, mine}, {}} end
if (state == 'R' or state == 'r') and instant(mine) >= now then return {MINE} end

local status = OK
if limit > 0 and count + flight + 1 > limit then
  if not endOldest then return {FULL, '', mine, flight, living, left, due} end
  if flight + 1 > limit then return {BUSY} end
  status = OVER
end
local lease = now + LEASE
redis.call('HSET', KEYS[1], id, ((state == 'L' or state == 'r') and 'r' or 'R') .. struct.pack('>i8', lease))
hold(KEYS[1], now + tonumber(ARGV[6]))
return {status, text(lease), mine, flight, status == OVER and living or {}, left, due}
