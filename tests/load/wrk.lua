-- One request shape a run; CASE, PREFIX and AUTH come from the environment.
local case, prefix = os.getenv("CASE"), os.getenv("PREFIX")
local headers = { ["Authorization"] = os.getenv("AUTH"), ["Content-Type"] = "application/json" }
local thread = 0

function setup(t)
  thread = thread + 1
  t:set("seed", thread)
end

function init()
  math.randomseed(os.time() * 16 + seed)
end

local shapes = {
  row = function(n) return wrk.format("GET", prefix .. "/items?id=eq." .. n, headers) end,
  list = function(n) return wrk.format("GET", prefix .. "/items?id=gt." .. n .. "&order=id&limit=100", headers) end,
  insert = function(n)
    return wrk.format("POST", prefix .. "/written", headers,
      '{"name":"item ' .. n .. '","price":' .. n .. '.5,"tags":["red","bulk"],"meta":{"weight":' .. n .. '}}')
  end,
  rpc = function(n) return wrk.format("POST", prefix .. "/rpc/price_of", headers, '{"id":' .. n .. '}') end,
}
request = function() return shapes[case](math.random(1, 99000)) end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %f %f %f %d\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, e.status + e.connect + e.read + e.write + e.timeout))
end
