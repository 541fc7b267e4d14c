-- Notes activity in the header, and leaves the rest where it is.
-- KEYS: record. ARGV: at, seen, generation or '', retention.
local head = redis.call('GETRANGE', KEYS[1], 0, 79)
if head == '' then return {NOTFOUND} end
local r, at, seen = {}, tonumber(ARGV[1]), tonumber(ARGV[2])
r.format, r.state, r.flags, r.transport, r.generation, r.version, r.seen, r.created, r.begun, r.idle, r.lifetime,
  r.notAfter, r.authAt, r.kept = struct.unpack('>BBBBI4i8i8i8i8i8i8i8i8i8', head)
if r.format ~= 1 then return {FORMAT} end
if not live(r, at) then return {ENDED} end
if ARGV[3] ~= '' and tonumber(ARGV[3]) ~= r.generation then return {CONFLICT} end
local over, absolute = expiry(r)
if r.kept > 0 and mustKeep(r.kept, absolute, at) then return {KEEP} end
if seen > r.seen then
  r.seen = seen
  over = expiry(r)
  redis.call('SETRANGE', KEYS[1], 16, struct.pack('>i8', seen))
  if over then redis.call('PEXPIREAT', KEYS[1], expireAt(over, clock(), tonumber(ARGV[4]))) end
end
return {OK}
