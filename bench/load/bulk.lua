-- wrk script: one bulk call a request, each the sync of one phone: BENCH_BATCH records of one session.
--
-- Environment: that of create.lua, and BENCH_BATCH. A 207 says little, so the tally of every answer is read:
-- `ok` and `refused` (duplicated or failed) stand beside the usual figures.

package.path = os.getenv("BENCH_LUA") .. "/?.lua;" .. package.path
local mix = require("mix")

local batch = tonumber(os.getenv("BENCH_BATCH"))
local head = mix.head("/api/control/production/records/bulk")
local user = '{"auth0Id":"' .. os.getenv("BENCH_USER") .. '","records":[{'
local threads = {}

ok, refused = 0, 0 -- global, because wrk reads them from the thread when the run is over

function setup(thread)
  threads[#threads + 1] = thread
end

function request()
  local session, records = mix.session(), {}
  for index = 1, batch do
    records[index] = mix.record(session)
  end
  local body = user .. table.concat(records, "},{") .. "}]}"
  return head .. #body .. "\r\n\r\n" .. body
end

function response(status, headers, body)
  local tally = body:sub(-200)
  local inserted = tonumber(tally:match('"ok":(%d+)')) or 0
  ok = ok + inserted
  refused = refused + batch - inserted
end

function done(summary, latency)
  local counted = { ok = 0, refused = 0 }
  for _, thread in ipairs(threads) do
    counted.ok = counted.ok + thread:get("ok")
    counted.refused = counted.refused + thread:get("refused")
  end
  mix.report(summary, latency, counted)
end
