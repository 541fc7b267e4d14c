-- Returns the last rows of the chains that have moved. KEYS: heads, rows. ARGV: since,
-- how many at most.
local out = {}
for _, writer in ipairs(redis.call('ZRANGE', KEYS[1], 'inf', ARGV[1], 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[2])) do
  out[#out + 1] = redis.call('ZRANGE', KEYS[2], '(' .. writer .. '\1', '[' .. writer .. '\0', 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
end
return out
