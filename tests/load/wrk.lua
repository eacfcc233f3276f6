-- One request shape a run; CASE, PREFIX and AUTH come from the environment.
local case, prefix = os.getenv("CASE"), os.getenv("PREFIX")
local headers = { ["Authorization"] = os.getenv("AUTH"), ["Content-Type"] = "application/json" }
local thread, thousand = 0, nil
local run, count = nil, 0

local function one(i)
  return '{"name":"item ' .. i .. '","price":' .. i .. '.5,"tags":["red","bulk"],"meta":{"weight":' .. i .. '}}'
end

function setup(t)
  thread = thread + 1
  t:set("seed", thread)
end

function init()
  math.randomseed(os.time() * 16 + seed)
  run = os.time() .. "-" .. seed .. "-" .. math.random(1, 1e9)
  local rows = {}
  for i = 1, 1000 do rows[i] = one(i) end
  thousand = "[" .. table.concat(rows, ",") .. "]"
end

local told = { ["Prefer"] = "return=representation" }

-- named gives a key beside more headers.
local function named(more)
  count = count + 1
  local all = { ["Idempotency-Key"] = run .. "-" .. count }
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local function insert(n, more)
  local all = more or {}
  for name, value in pairs(headers) do all[name] = value end
  return wrk.format("POST", prefix .. "/written", all, one(n))
end

local shapes = {
  row = function(n) return wrk.format("GET", prefix .. "/items?id=eq." .. n, headers) end,
  policy = function(n) return wrk.format("GET", prefix .. "/items_of_tenants?id=eq." .. n, headers) end,
  embed = function(n) return wrk.format("GET", prefix .. "/items?id=eq." .. n .. "&select=*,categories(*),reviews(*)", headers) end,
  bulk = function() return wrk.format("POST", prefix .. "/written", headers, thousand) end,
  list = function(n) return wrk.format("GET", prefix .. "/items?id=gt." .. n .. "&order=id&limit=100", headers) end,
  insert = insert,
  idempotent = function(n) return insert(n, named()) end,
  ["insert with its row"] = function(n) return insert(n, told) end,
  ["idempotent with its row"] = function(n) return insert(n, named(told)) end,
  rpc = function(n) return wrk.format("POST", prefix .. "/rpc/price_of", headers, '{"id":' .. n .. '}') end,
}
request = function() return shapes[case](math.random(1, 99000)) end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %f %f %f %d\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, e.status + e.connect + e.read + e.write + e.timeout))
end
