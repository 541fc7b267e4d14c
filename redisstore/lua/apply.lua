-- Does to a record what Record.With says, but for renewals by age.
-- KEYS: record. ARGV: see Store.changeArgs.
local i = 0
local function arg() i = i + 1; return ARGV[i] end
local function optional() local s = arg(); if s ~= '' then return string.sub(s, 2) end end

local at, seen, touchOnly, wanted = tonumber(arg()), tonumber(arg()), arg() == '1', arg() == '1'
local ifGeneration, ifPrincipal = tonumber(arg()), optional()
local idle, lifetime, notAfter = tonumber(arg()), tonumber(arg()), tonumber(arg())
local ua, addr = optional(), optional()
local maxRecord, retention, kept, channel, id = tonumber(arg()), tonumber(arg()), tonumber(arg()), arg(), arg()
local signIn, principal, method, again = optional(), arg(), arg(), arg() == '1'
local lease = tonumber(arg())
local reason, endAt, actor = optional(), tonumber(arg()), arg()
local revs, sets, deletes, keeps = tonumber(arg()), tonumber(arg()), tonumber(arg()), tonumber(arg())

local bytes = redis.call('GET', KEYS[1])
if not bytes then return {NOTFOUND} end
if #bytes < FIXED_SIZE or string.byte(bytes) ~= 1 then return {FORMAT} end
local r = unpackRecord(bytes)
local function refused(status)
  if touchOnly and not wanted then return {status} end
  return {status, bytes}
end

-- The values as they are: the order, and by key the version, the chunk and the sizes.
local order, values = {}, {}
if revs + sets + deletes > 0 or (signIn and r.principal == '') then
  local from = 1
  while from <= #r.values do
    local k, rev, d = struct.unpack('>I4i8I4', r.values, from)
    local to = from + 16 + k + d
    local key = string.sub(r.values, from + 16, from + 15 + k)
    order[#order + 1] = key
    values[key] = {rev = rev, chunk = string.sub(r.values, from, to - 1)}
    from = to
  end
end

if not live(r, at) then return refused(ENDED) end
if ifGeneration and ifGeneration ~= r.generation then return refused(CONFLICT) end
if ifPrincipal and ifPrincipal ~= r.principal then return refused(CONFLICT) end
for _ = 1, revs do
  local key, rev = arg(), tonumber(arg())
  local v = values[key]
  if (v and v.rev or 0) ~= rev then return refused(CONFLICT) end
end
if signIn then
  if r.principal ~= principal and (r.principal ~= '' or again) then return refused(CONFLICT) end
  if not again and clock() > lease then return {LAPSED} end
end

-- eachRetired rebuilds the list of retired secrets from what change returns for
-- each: its 65 fixed bytes, its kind (0 none, 1 seed, 2 successor) and its payload.
local function eachRetired(change)
  local out, from = {}, 1
  while from <= #r.retired do
    local retiredAt, kind, n = struct.unpack('>i8BI4', r.retired, from + 52)
    local to = from + 65 + n
    local x = change(retiredAt, kind, from, to)
    if x then out[#out + 1] = x end
    from = to
  end
  return out
end
local function asIs(from, to) return string.sub(r.retired, from, to - 1) end
local function retired(secret, when, seed)
  return secret .. struct.pack('>i8I4i8i8BI4', 0, 0, 0, when, 1, #seed) .. seed
end

local before = expiry(r)
if not touchOnly then
  r.version = r.version + 1
  r.retired = table.concat(eachRetired(function(retiredAt, kind, from, to)
    if kind ~= 1 or at - retiredAt <= 30000000 then return asIs(from, to) end
  end))
end
if seen > r.seen then
  r.seen = seen
  if ua then r.ua2, r.addr2 = ua, addr end
end
r.idle, r.lifetime, r.notAfter = idle or r.idle, lifetime or r.lifetime, notAfter or r.notAfter

local dropOthers = false
if signIn then
  local secret, seed, persistent, transport = struct.unpack('>c32c32BB', signIn)
  local old = eachRetired(function(retiredAt, kind, from, to)
    if kind == 1 then return asIs(from, to) end
    return retired(string.sub(r.retired, from, from + 31), at, r.seed)
  end)
  table.insert(old, 1, retired(r.secret, at, r.seed))
  r.retired = table.concat(old, '', 1, math.min(#old, 8))
  r.secret, r.seed, r.generation = secret, seed, r.generation + 1
  dropOthers = r.principal == ''
  r.principal, r.method, r.authAt, r.begun = principal, method, at, at
  if at > r.seen then r.seen = at end
  r.flags, r.transport = persistent, transport
end

if sets + deletes > 0 or dropOthers then
  local new, dropped, out = {}, {}, {}
  local set = {}
  for n = 1, sets do
    local key, data = arg(), arg()
    set[n] = key
    new[key] = struct.pack('>I4i8I4', #key, r.version, #data) .. key .. data
  end
  for _ = 1, deletes do dropped[arg()] = true end
  local survives = {}
  for _ = 1, keeps do survives[arg()] = true end
  for _, key in ipairs(order) do
    if not new[key] and not dropped[key] and not (dropOthers and not survives[key]) then
      out[#out + 1] = values[key].chunk
    end
  end
  for n = 1, sets do out[#out + 1] = new[set[n]] end
  r.values = table.concat(out)
  if #r.values - 16 * #out > maxRecord then return {TOOLARGE, bytes} end
end

if reason then
  r.state, r.values, r.seed = 1, '', string.rep('\0', 32)
  r.ending = struct.pack('>i8I4', endAt, #reason) .. reason .. actor
  r.retired = table.concat(eachRetired(function(_, _, from)
    return string.sub(r.retired, from, from + 59) .. struct.pack('>BI4', 0, 0)
  end))
end

local over, absolute = expiry(r)
if reason then
  over = endAt
elseif r.principal ~= '' then
  if signIn and not again then
    r.kept = math.min(absolute or at + 400 * DAY, at + 400 * DAY)
  elseif kept then
    r.kept = math.max(r.kept, kept)
  else
    local need = mustKeep(r.kept, absolute, at)
    if need then return {KEEP, r.principal, text(need)} end
  end
end

local out = packRecord(r)
if reason then redis.call('PERSIST', KEYS[1]) end -- a first write: an end is made also when memory is full
if over == before and not reason then
  redis.call('SET', KEYS[1], out, 'KEEPTTL')
else
  store(KEYS[1], out, over, retention)
end
if reason then redis.call('PUBLISH', channel, id .. reason) end
if not signIn then return wanted and {OK, out} or {OK} end
return {OK, wanted and out or '', text(r.kept), text(over or 0)}
