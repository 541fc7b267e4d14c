-- Part of every script that works on a principal's hash. Its fields: 'e' the
-- epoch, 'd' disabled, and by session ID an entry:
--
--   'L' due                     live, worth a look when due
--   'R' lease, 'r' lease        reserved by a sign-in; r: of a session that is its own already
--   'r' lease 'i'               reserved by an import: it is as live as its record
--   'X' lease at reason actor   to be ended; lease: until when its sign-in may be under way
--   'E' until                   ended by decision, known until then
--
-- An entry that says that its session may be live goes only after the session.

local OK, DISABLED, EPOCH, BUSY, FULL, OVER, LEFT, MARKED, LAPSED, MINE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
local LEASE, PATIENCE = 5000000, 60000000

local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local function text(n) return string.format('%.0f', n) end

local function instant(entry) return (struct.unpack('>i8', entry, 2)) end

-- makeRoom lets what follows be written on a server whose memory is full: sessions
-- must end there, too. A script that has written something is not stopped.
local function makeRoom(key) redis.call('HDEL', key, '') end

-- hold keeps the hash until that instant at least, and for ever while the
-- principal is disabled.
local function hold(key, untilAt)
  if redis.call('HEXISTS', key, 'd') == 1 then
    redis.call('PERSIST', key)
    return
  end
  local left, now = redis.call('PTTL', key), clock()
  if left < 0 or now + left * 1000 < untilAt then
    redis.call('PEXPIREAT', key, text(math.ceil(untilAt / 1000)))
  end
end

-- stale reports whether an ending of everybody has been under way for so long
-- that whoever began it must be gone.
local function stale(shard, now)
  local open = redis.call('HGET', shard, 'o')
  return open and now - tonumber(open) > PATIENCE and 1 or 0
end

-- entries calls f with each session's ID and entry.
local function entries(key, f)
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if #all[i] == 16 then f(all[i], all[i + 1]) end
  end
end
