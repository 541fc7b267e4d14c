-- Returns the records without their values; '' for one that is not there.
-- KEYS: records.
local out = {}
for i, key in ipairs(KEYS) do
  local head = redis.call('GETRANGE', key, 0, 1023)
  if #head >= FIXED_SIZE then
    local size = FIXED_SIZE
    for n = 0, 7 do size = size + struct.unpack('>I4', head, 145 + 4 * n) end
    head = size <= #head and string.sub(head, 1, size) or redis.call('GETRANGE', key, 0, size - 1)
  end
  out[i] = head
end
return out
