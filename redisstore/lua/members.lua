-- Returns the principal's entries. KEYS: principal, epochs of its shard.
local out = {}
entries(KEYS[1], function(id, entry) out[#out + 1] = id; out[#out + 1] = entry end)
return {stale(KEYS[2], clock()), text(clock()), out}
