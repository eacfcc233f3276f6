-- The generic cell rate algorithm, as ratelimit.take_many has it: in microseconds, and how
-- many fit is the greatest n with floor(n * unit) <= room. KEYS[1] holds when the budget is
-- full. ARGV: rate in a second, burst, cost, and 1 to take what is there of the cost.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local unit = 1000000 / tonumber(ARGV[1])
local capacity = math.floor(tonumber(ARGV[2]) * unit)
local cost = tonumber(ARGV[3])
local partial = ARGV[4] == '1'

local function fits(busy)
  return math.max(math.ceil((capacity - busy + 1) / unit) - 1, 0)
end

local base = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local most = fits(base - now)
local granted = 0
if cost <= most then
  granted = cost
elseif partial then
  granted = most
end
local busy = base - now + math.floor(granted * unit)
if granted > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', now + busy), 'PX', math.ceil(busy / 1000) + 1)
end
local retry = 0
if granted < cost then
  local next = partial and 1 or cost
  local need = math.floor(next * unit)
  retry = need > capacity and -1 or math.max(busy + need - capacity, 0)
end
return {granted, fits(busy), string.format('%.0f', retry), string.format('%.0f', busy)}
