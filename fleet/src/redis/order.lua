-- An operator's order.
--
-- KEYS: version, orders.
-- ARGV: pattern, length or nothing, the rest of the record, remembered, channel, most.

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local function text(number) return string.format('%.0f', number) end

local flat = redis.call('HGETALL', KEYS[2])
for i = 1, #flat, 2 do
  local at, lasts = string.match(flat[i + 1], '^1 %d+ (%d+) (%d+) ')
  if at and now - tonumber(at) >= tonumber(lasts) then redis.call('HDEL', KEYS[2], flat[i]) end
end
if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[6])
  and redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  return 0
end
local version = math.max(now, (tonumber(redis.call('GET', KEYS[1]) or 0) or 0) + 1)
redis.call('SET', KEYS[1], text(version), 'PX', ARGV[4])
local lasts = ARGV[2] == '' and '-' or ARGV[2]
redis.call('HSET', KEYS[2], ARGV[1],
  '1 ' .. text(version) .. ' ' .. text(now) .. ' ' .. lasts .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('PUBLISH', ARGV[5], '')
return 1
