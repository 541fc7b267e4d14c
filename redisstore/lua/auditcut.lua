-- Removes rows of one writer, and what the indexes have of them. It returns how many
-- rows were still there.
-- KEYS: rows, heads, then an index each. ARGV: writer; for the rows, and then for each
-- index, how many members go, and these.
local at = 2
local function remove(key)
  local n, members = tonumber(ARGV[at]), {}
  for i = at + 1, at + n do members[#members + 1] = ARGV[i] end
  at = at + n + 1
  return redis.call('ZREM', key, unpack(members))
end
local removed = remove(KEYS[1])
for i = 3, #KEYS do remove(KEYS[i]) end

local left = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[1] .. '\0', '(' .. ARGV[1] .. '\1', 'BYLEX', 'LIMIT', 0, 1)
if #left == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end
return removed
