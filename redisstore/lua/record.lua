-- Part of every script that works on one record: its layout (see pack.go), its
-- expiry, and how it is read and written. Times are microseconds; numbers stay
-- below 2^53, which Lua counts exactly.

local OK, NOTFOUND, ENDED, CONFLICT, TOOLARGE, LAPSED, KEEP, FORMAT = 0, 1, 2, 3, 4, 5, 6, 7
local FIXED = '>BBBBI4i8i8i8i8i8i8i8i8i8c32c32I4I4I4I4I4I4I4I4'
local FIXED_SIZE = 176
local DAY = 86400000000

local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local function text(n) return string.format('%.0f', n) end

-- expiry returns the instant from which the record is over by time, and the end
-- that no activity moves; nil is never.
local function expiry(r)
  local absolute, over
  if r.notAfter ~= 0 then absolute = r.notAfter end
  if r.lifetime >= 0 and (not absolute or r.begun + r.lifetime < absolute) then
    absolute = r.begun + r.lifetime
  end
  if r.idle >= 0 then over = r.seen + r.idle end
  if absolute and (not over or absolute <= over) then over = absolute end
  return over, absolute
end

local function live(r, at)
  local over = expiry(r)
  return r.state == 0 and not (over and at >= over)
end

local function unpackRecord(s)
  local r = {}
  local n = {}
  r.format, r.state, r.flags, r.transport, r.generation, r.version, r.seen, r.created, r.begun, r.idle, r.lifetime,
    r.notAfter, r.authAt, r.kept, r.secret, r.seed, n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8] = struct.unpack(FIXED, s)
  local from = FIXED_SIZE + 1
  for i = 1, 8 do
    n[i] = string.sub(s, from, from + n[i] - 1)
    from = from + #n[i]
  end
  r.principal, r.method, r.ua1, r.addr1, r.ua2, r.addr2, r.retired, r.ending = unpack(n)
  r.values = string.sub(s, from)
  return r
end

local function packRecord(r)
  return struct.pack(FIXED, r.format, r.state, r.flags, r.transport, r.generation, r.version, r.seen, r.created,
    r.begun, r.idle, r.lifetime, r.notAfter, r.authAt, r.kept, r.secret, r.seed, #r.principal, #r.method, #r.ua1,
    #r.addr1, #r.ua2, #r.addr2, #r.retired, #r.ending)
    .. r.principal .. r.method .. r.ua1 .. r.addr1 .. r.ua2 .. r.addr2 .. r.retired .. r.ending .. r.values
end

-- expireAt returns the millisecond at which a record goes that is over at that
-- instant: so long after, and so long after now if it is over already.
local function expireAt(over, now, retention)
  return text(math.floor(math.max(over, now) / 1000) + retention)
end

local function store(key, bytes, over, retention)
  if over then
    redis.call('SET', key, bytes, 'PXAT', expireAt(over, clock(), retention))
  else
    redis.call('SET', key, bytes)
  end
end

-- mustKeep returns until when the principal's entry has to be kept, if that is
-- notably longer than it is sure to be: to the absolute end, but at most 400 days.
local function mustKeep(kept, absolute, at)
  local far = at + 400 * DAY
  local need = math.min(absolute or far, far)
  if need > kept and (need == absolute or need - kept > 100 * DAY) then return need end
end
