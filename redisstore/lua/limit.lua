-- KEYS[1] the key; ARGV: microseconds that each use takes, and how many at once.
-- Returns how many are left, how long to wait (0: taken), and until when some are
-- used, in microseconds from now.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local after = used + each
local over = after - now - each * count
if over > 0 then return {0, over, used - now} end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return {math.floor((each * count - (after - now)) / each), 0, after - now}
