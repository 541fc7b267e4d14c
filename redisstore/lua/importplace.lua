-- Takes a place for a session that is imported. Several imports of one session
-- share it: each puts off its lease. A sign-in of the same session has it alone.
-- KEYS: principal. ARGV: ID, until when and how long at least to hold the hash,
-- whether it is for an end.
local now = clock()
local mine = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local state = string.sub(mine, 1, 1)
if state == 'X' then return {LEFT, mine} end
local signingIn = state == 'R' or state == 'r' and string.sub(mine, 10) ~= 'i'
if signingIn and instant(mine) >= now then return {MINE} end
if ARGV[4] == '1' then makeRoom(KEYS[1]) end
local entry = 'r' .. struct.pack('>i8', now + LEASE) .. 'i'
redis.call('HSET', KEYS[1], ARGV[1], entry)
hold(KEYS[1], math.max(tonumber(ARGV[2]), now + tonumber(ARGV[3])))
return {OK, mine, entry}
