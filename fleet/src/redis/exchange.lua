-- What an instance says, and what all of them say, in one round trip. MemoryStore does the
-- same in Rust.
--
-- KEYS: version, changed, orders; then for each report: breaker, slots.
-- ARGV: instance, sequence, lifetime, seen, remembered, channel; then for each report:
--       name, slot, handed back, used, wished, limit, time, epoch of the proposal, opening.

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local instance, sequence, lifetime = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local seen, remembered, channel = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]

local function text(number) return string.format('%.0f', number) end
local function number(value) return tonumber(value or 0) or 0 end
-- Not if the clock was set back since.
local function within(at, time) return at <= now and now - at < time end

local version = number(redis.call('GET', KEYS[1]))
local decided = false

local function report(n)
  local key, slots = KEYS[2 * n + 2], KEYS[2 * n + 3]
  local function arg(i) return ARGV[9 * n - 3 + i] end
  local name, slot = arg(1), arg(2)
  local kept, leases = {}, {}
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local lease = string.match(flat[i], '^lease(%d+)$')
    if lease then
      local at, time, used, holder = string.match(flat[i + 1], '^(%d+) (%d+) (%d) (.*)$')
      if at then
        leases[number(lease)] =
          { at = number(at), time = number(time), used = used == '1', holder = holder }
      end
    else
      kept[flat[i]] = number(flat[i + 1])
    end
  end
  local epoch = kept.epoch or 0

  -- Of several that propose something in this epoch, the first one wins.
  if arg(8) ~= '' and number(arg(8)) == epoch then
    version = math.max(now, version + 1)
    epoch, decided, leases = version, true, {}
    redis.call('DEL', key)
    redis.call('HSET', key, 'epoch', text(epoch))
    kept = { epoch = epoch }
    if arg(9) ~= '' then
      kept.began, kept.lasts = now, number(arg(9))
      redis.call('HSET', key, 'began', text(now), 'lasts', text(kept.lasts))
    else
      redis.call('HSET', key, 'closed', text(now))
    end
    redis.call('ZADD', KEYS[2], text(epoch), name)
  end

  -- Of each instance, the slot that it said last: format, sequence, time, lifetime, epoch,
  -- counts. Beside them their sums, so that nobody has to read them all: format, epoch, when a
  -- slot may have ended, when one was written last, how many there are, sums. A later
  -- version may append counts, but what these mean stays.
  local function numbers(line)
    local fields = {}
    for field in string.gmatch(line or '', '%d+') do fields[#fields + 1] = number(field) end
    return fields
  end
  local function add(sums, slot, sign)
    if slot[1] ~= 1 or slot[5] ~= epoch then return end
    for i = 6, #slot do sums[i] = math.max(0, (sums[i] or 0) + sign * slot[i]) end
  end
  local both = redis.call('HMGET', slots, 'sums', instance)
  local sums, before = numbers(both[1]), numbers(both[2])
  local changed = false
  local good = sums[1] == 1 and #sums >= 14 and sums[2] == epoch
  -- Or if the clock was set back.
  if not good or now >= sums[3] or now < sums[4] then
    -- Where slots end one after the other, not at each end, but four times an interval.
    sums, before = { 1, epoch, math.huge, now, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, {}
    local written = redis.call('HGETALL', slots)
    for i = 1, #written, 2 do
      local fields = numbers(written[i + 1])
      if written[i] == 'sums' then
        changed = true
      elseif #fields >= 5 and within(fields[3], fields[4]) then
        sums[3] = math.min(sums[3], fields[3] + fields[4])
        sums[5] = sums[5] + 1
        add(sums, fields, 1)
        if written[i] == instance then before = fields end
      else
        redis.call('HDEL', slots, written[i])
      end
    end
    sums[3] = math.max(sums[3], now + math.floor(lifetime / 12))
  end
  if slot ~= '' and not (before[2] and before[2] >= sequence) then
    local line = '1 ' .. text(sequence) .. ' ' .. text(now) .. ' ' .. text(lifetime) .. ' ' .. slot
    if before[2] then add(sums, before, -1) else sums[5] = sums[5] + 1 end
    add(sums, numbers(line), 1)
    sums[3], sums[4] = math.min(sums[3], now + lifetime), now
    redis.call('HSET', slots, instance, line)
    redis.call('PEXPIRE', slots, text(math.max(lifetime, 1)))
    changed = true
  end
  if changed then
    local texts = {}
    for i = 1, #sums do texts[i] = text(math.min(sums[i], 2 ^ 53)) end
    redis.call('HSET', slots, 'sums', table.concat(texts, ' '))
  end

  -- Leases that are handed back, or whose probes have ended. In an opening, the latter stay.
  local function set(i, lease)
    leases[i] = lease
    if lease then
      local used = lease.used and '1' or '0'
      redis.call('HSET', key, 'lease' .. i,
        text(lease.at) .. ' ' .. text(lease.time) .. ' ' .. used .. ' ' .. lease.holder)
    else
      redis.call('HDEL', key, 'lease' .. i)
    end
  end
  local function finish(count, stays)
    for i, lease in pairs(leases) do
      if count > 0 and lease.holder == instance and not lease.used then
        count = count - 1
        if stays then lease.used = true end
        set(i, stays and lease or nil)
      end
    end
  end
  finish(number(arg(4)), kept.began ~= nil)
  finish(number(arg(3)), false)
  local taken, live = 0, 0
  for i, lease in pairs(leases) do
    if not lease.used and not within(lease.at, lease.time) then
      set(i, nil)
    else
      taken = taken + 1
      if not lease.used then live = live + 1 end
    end
  end
  local granted = math.max(0, math.min(number(arg(5)), number(arg(6)) - taken))
  local place = 1
  for _ = 1, granted do
    while leases[place] do place = place + 1 end
    set(place, { at = now, time = number(arg(7)), used = false, holder = instance })
  end
  redis.call('PEXPIRE', key, text(remembered))

  -- What is left of an opening, or how long ago the fleet has closed.
  local kind, time = 0, 0
  if kept.began then
    kind = 1
    time = math.min(kept.lasts, math.max(0, kept.lasts - math.max(0, now - kept.began)))
  elseif epoch > 0 then
    kind = 2
    -- An earlier version does not say when, but an epoch is the time at which it began, or a
    -- later one if the clock was set back.
    time = math.max(0, now - (kept.closed or epoch))
  end
  return { epoch, kind, time, sums[5], live + granted, granted, unpack(sums, 6, 14) }
end

local views = {}
for n = 1, (#KEYS - 3) / 2 do
  local good, view = pcall(report, n)
  if not good then
    -- If there is something else under these keys, the breaker is a local one. What any
    -- other code says, such as OOM or READONLY, is true of the whole server.
    local message = type(view) == 'table' and view.err or view
    local code = string.match(message, '%f[%u]%u%u%u+ ')
    if code and code ~= 'WRONGTYPE ' then return redis.error_reply(message) end
    view = {}
  end
  views[n] = view
end

if decided then
  redis.call('SET', KEYS[1], text(version), 'PX', text(remembered))
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -10001)
  redis.call('PEXPIRE', KEYS[2], text(remembered))
  redis.call('PUBLISH', channel, '')
end
-- Larger than any that was given: the store has been wiped since.
if seen > version then seen = 0 end
local changed = {}
if seen < version then
  changed = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(seen), '+inf', 'LIMIT', 0, 10000)
end
return { version, now, views, changed, redis.call('HGETALL', KEYS[3]) }
