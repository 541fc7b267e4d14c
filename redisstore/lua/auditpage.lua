-- Goes along an index and returns its members, each with its row or ''. Rows of other
-- writers than the one that is asked for are not looked for.
-- KEYS: index, rows. ARGV: from, to, '1' for the newest first, how many at most, writer
-- or ''.
local members
if ARGV[3] == '1' then
  members = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'REV', 'LIMIT', 0, ARGV[4])
else
  members = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[4])
end
local mine, out = ARGV[5] .. '\0', {}
for i, member in ipairs(members) do
  local place, row = string.sub(member, 9), ''
  if #mine == 1 or string.sub(place, 1, #mine) == mine then
    row = redis.call('ZRANGE', KEYS[2], '[' .. place, '(' .. place .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1] or ''
  end
  out[2 * i - 1], out[2 * i] = member, row
end
return out
