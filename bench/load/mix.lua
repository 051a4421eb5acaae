-- The mix of records: random event ids, one of the open sessions, 50 workers, one record in ten with an own key.
-- Units are always 1, so that the sum of a session's units is the number of its records.

local mix = {}
local random, format = math.random, string.format

math.randomseed(tonumber(os.getenv("BENCH_SEED")))

local sessions = {}
for id in os.getenv("BENCH_SESSIONS"):gmatch("[^,]+") do
  sessions[#sessions + 1] = id
end

local workers = {}
for number = 1, 50 do
  workers[number] = format('"workerId":"PK%04d","worker_name":"Picker %04d"', number, number)
end

local function token()
  return format("%08x%08x", random(0, 0xffffffff), random(0, 0xffffffff))
end

-- Everything of a request up to the number of its Content-Length.
function mix.head(path)
  return "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " .. os.getenv("BENCH_TOKEN")
    .. "\r\nContent-Type: application/json\r\nContent-Length: "
end

function mix.session()
  return sessions[random(#sessions)]
end

-- The fields of one record, without braces.
function mix.record(session)
  local fields = format(
    '"sessionId":"%s",%s,"units":1,"recordedAtUtc":"2025-10-19T%02d:%02d:%02d.%03dZ","clientEventId":"evt_%s"',
    session, workers[random(#workers)], random(8, 17), random(0, 59), random(0, 59), random(0, 999), token())
  if random(10) == 1 then
    return fields .. ',"idempotencyKey":"phone-' .. token() .. '"'
  end
  return fields
end

function mix.report(summary, latency, counted)
  local errors = summary.errors
  local figures = {
    requests = summary.requests, duration_us = summary.duration, status_errors = errors.status,
    connect_errors = errors.connect, read_errors = errors.read, write_errors = errors.write, timeouts = errors.timeout,
    p50_us = latency:percentile(50), p90_us = latency:percentile(90), p99_us = latency:percentile(99),
    max_us = latency.max,
  }
  for name, value in pairs(counted) do
    figures[name] = value
  end
  local parts = {}
  for name, value in pairs(figures) do
    parts[#parts + 1] = format('"%s":%.0f', name, value)
  end
  io.write("RESULT {", table.concat(parts, ","), "}\n")
end

return mix
