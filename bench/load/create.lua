-- wrk script: create one record a request. The same script drives the echo, ours and the typical service.
--
-- Environment: BENCH_TOKEN, BENCH_USER, BENCH_SESSIONS (comma separated), BENCH_SEED.
-- One line of JSON, marked by RESULT, is written at the end.

package.path = os.getenv("BENCH_LUA") .. "/?.lua;" .. package.path
local mix = require("mix")

local head = mix.head("/api/control/production/records")
local user = '{"auth0Id":"' .. os.getenv("BENCH_USER") .. '",'

function request()
  local body = user .. mix.record(mix.session()) .. "}"
  return head .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  mix.report(summary, latency, {})
end
