-- What the script apply does, for a change that sets or deletes values, may note
-- activity, and does no more: nearly every change. It reads of the header what it
-- needs, and leaves the rest as it was. See record.lua for what its numbers are.
-- KEYS: record. ARGV: see Store.putArgs; then key and version of each value whose
-- version was read, key and data of each to set, and the keys to delete.
local unpack, sub = struct.unpack, string.sub
local at, seen, generation, retention, maxRecord, wanted, revs, sets = unpack('>i8i8i8i8I4BI4I4', ARGV[1])
local bytes = redis.call('GET', KEYS[1])
if not bytes then return 1 end
local length = #bytes
if length < 176 or string.byte(bytes) ~= 1 then return 7 end
local state, g, version, lastSeen, begun, idle, lifetime, notAfter, kept =
  unpack('>BxxI4i8i8xxxxxxxxi8i8i8i8xxxxxxxxi8', bytes, 2)
local principal, method, ua1, addr1, ua2, addr2, retired, ending = unpack('>I4I4I4I4I4I4I4I4', bytes, 145)

local absolute
if notAfter ~= 0 then absolute = notAfter end
if lifetime >= 0 and (not absolute or begun + lifetime < absolute) then absolute = begun + lifetime end
local function over(seen)
  if idle >= 0 and (not absolute or seen + idle < absolute) then return seen + idle end
  return absolute
end
local before = over(lastSeen)
if state ~= 0 or (before and at >= before) then return {2, bytes} end
if generation >= 0 and generation ~= g then return {3, bytes} end

-- By key: the argument that is its new data, or 0 if it goes.
local changed, n = {}, 2 + 2 * revs
for i = n, n + 2 * sets - 1, 2 do changed[ARGV[i]] = i + 1 end
for i = n + 2 * sets, #ARGV do changed[ARGV[i]] = changed[ARGV[i]] or 0 end

-- The values that stay, in runs; the header comes in the place of the first.
local from = 177 + principal + method + ua1 + addr1 + ua2 + addr2 + retired + ending
local head, run, size, out, rev = from - 1, from, 0, {''}, {}
while from <= length do
  local k, r, d = unpack('>I4i8I4', bytes, from)
  local key, to = sub(bytes, from + 16, from + 15 + k), from + 16 + k + d
  if revs > 0 then rev[key] = r end
  if changed[key] then
    if run < from then out[#out + 1] = sub(bytes, run, from - 1) end
    run = to
  else
    size = size + k + d
  end
  from = to
end
if run <= length then out[#out + 1] = sub(bytes, run) end
for i = 2, n - 1, 2 do
  if (rev[ARGV[i]] or 0) ~= tonumber(ARGV[i + 1]) then return {3, bytes} end
end

version = version + 1
for i = n, n + 2 * sets - 1, 2 do
  local key, data = ARGV[i], ARGV[i + 1]
  size = size + #key + #data
  out[#out + 1] = struct.pack('>I4i8I4', #key, version, #data) .. key .. data
end
if size > maxRecord then return {4, bytes} end

-- The principal's hash has to be kept as long as its sessions may last.
if principal > 0 then
  local far = at + 34560000000000 -- 400 days
  local need = math.min(absolute or far, far)
  if need > kept and (need == absolute or need - kept > 8640000000000) then
    return {6, sub(bytes, 177, 176 + principal), string.format('%.0f', need)}
  end
end

-- Secrets that a sign-in retired are forgotten after half a minute.
local rest
if retired > 0 then
  local first, last = head - ending - retired + 1, head - ending
  local keep, i = '', first
  while i <= last do
    local when, kind, carries = unpack('>i8BI4', bytes, i + 52)
    local to = i + 65 + carries
    if kind ~= 1 or at - when <= 30000000 then keep = keep .. sub(bytes, i, to - 1) end
    i = to
  end
  if #keep < retired then
    rest = sub(bytes, 25, 168) .. struct.pack('>I4', #keep) .. sub(bytes, 173, first - 1) .. keep .. sub(bytes, last + 1, head)
  end
end

if seen < lastSeen then seen = lastSeen end
out[1] = sub(bytes, 1, 8) .. struct.pack('>i8i8', version, seen) .. (rest or sub(bytes, 25, head))
local new, due = table.concat(out), over(seen)
if due == before then
  redis.call('SET', KEYS[1], new, 'KEEPTTL')
else
  local now = redis.call('TIME')
  due = math.max(due, tonumber(now[1]) * 1000000 + tonumber(now[2]))
  redis.call('SET', KEYS[1], new, 'PXAT', string.format('%.0f', math.floor(due / 1000) + retention))
end
return wanted == 1 and {0, new} or 0
