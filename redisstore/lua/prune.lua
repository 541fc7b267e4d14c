-- Takes IDs out of the index whose records are gone.
-- KEYS: index, then the record of each ID. ARGV: the IDs.
local gone = 0
for i, id in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then gone = gone + redis.call('ZREM', KEYS[1], id) end
end
return gone
