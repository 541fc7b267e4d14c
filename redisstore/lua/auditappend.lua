-- Adds rows of one writer, all or none: none if one of them is there already.
-- KEYS: rows, heads, then an index each. ARGV: writer; At of the last row; where the
-- first row would be, and where the last; for the rows, and then for each index, how
-- many members it gets, and these.
local first, last = ARGV[3], ARGV[4]
if #redis.call('ZRANGE', KEYS[1], '[' .. first, '(' .. last .. '\255', 'BYLEX', 'LIMIT', 0, 1) > 0 then return 0 end

local at = 5
local function add(key)
  local n, members = tonumber(ARGV[at]), {}
  for i = at + 1, at + n do
    members[#members + 1] = 0
    members[#members + 1] = ARGV[i]
  end
  at = at + n + 1
  redis.call('ZADD', key, unpack(members))
end
add(KEYS[1]) -- a first write: when memory is full it is refused, and no other
for i = 3, #KEYS do add(KEYS[i]) end

local later = redis.call('ZRANGE', KEYS[1], '(' .. last .. '\255', '(' .. ARGV[1] .. '\1', 'BYLEX', 'LIMIT', 0, 1)
if #later == 0 then redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1]) end
return 1
