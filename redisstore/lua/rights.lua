-- Tries what the other scripts do on a key that holds nothing and is gone at the
-- end, and returns what the server does not let its user do: commands, '~' for the
-- keys and '&' for the channel. KEYS: such a key. ARGV: channel.
local key, refused = KEYS[1], {}
local function try(...)
  local answer = redis.pcall(...)
  local err = type(answer) == 'table' and answer.err
  if not err then return end
  if string.find(err, 'access', 1, true) and string.find(err, 'key', 1, true) then
    refused[#refused + 1] = '~'
  elseif string.find(err, 'channel', 1, true) then
    refused[#refused + 1] = '&'
  elseif string.find(err, 'permission', 1, true) or string.find(err, "can't run", 1, true) then
    refused[#refused + 1] = string.lower((...))
  end
end

-- A string, so that what belongs to hashes and sets has no effect on it.
try('SET', key, '')
try('GET', key)
try('GETRANGE', key, '0', '0')
try('SETRANGE', key, '0', '')
try('EXISTS', key)
try('PTTL', key)
try('PERSIST', key)
try('HGET', key, '')
try('HMGET', key, '')
try('HGETALL', key)
try('HEXISTS', key, '')
try('HSET', key, '', '')
try('HDEL', key, '')
try('ZADD', key, '0', '')
try('ZREM', key, '')
try('ZRANGEBYLEX', key, '-', '+')
try('TIME')
try('PUBLISH', ARGV[1], '')
try('PEXPIREAT', key, '1') -- it is gone by this, and by the next: one of them may be refused
try('DEL', key)
return refused
