-- Puts new bytes in the place of those that were read, if they are still there.
-- KEYS: record, epochs of its shard. ARGV: old, new, expiry or '', retention,
-- epoch and lease of a sign-in or '', channel, notice or ''.
local bytes = redis.call('GET', KEYS[1])
if not bytes then return NOTFOUND end
if bytes ~= ARGV[1] then return CONFLICT end
if ARGV[5] ~= '' then
  if tonumber(ARGV[5]) < tonumber(redis.call('HGET', KEYS[2], 's') or 0) then return EPOCH end
  if clock() > tonumber(ARGV[6]) then return LAPSED end
end
store(KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
if ARGV[8] ~= '' then redis.call('PUBLISH', ARGV[7], ARGV[8]) end
return OK
