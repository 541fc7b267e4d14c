-- Goes from one writer to the next and returns the first and the last row of each,
-- without what they hold. KEYS: rows. ARGV: the writer before, or ''; how many at most.
if redis.call('ZCOUNT', KEYS[1], '-inf', '(0') + redis.call('ZCOUNT', KEYS[1], '(0', 'inf') > 0 then return -1 end
local out, writer = {}, ARGV[1]
while #out < 2 * tonumber(ARGV[2]) do
  local first = redis.call('ZRANGE', KEYS[1], '[' .. writer .. '\1', '+', 'BYLEX', 'LIMIT', 0, 1)[1]
  if not first then break end
  local zero = string.find(first, '\0', 1, true)
  writer = string.sub(first, 1, (zero or #first + 1) - 1)
  local last = redis.call('ZRANGE', KEYS[1], '(' .. writer .. '\1', '[' .. writer, 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
  out[#out + 1] = string.sub(first, 1, #writer + 9)
  out[#out + 1] = string.sub(last, 1, #writer + 9)
end
return out
