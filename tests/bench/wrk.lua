-- What wrk asks for, beyond a URL, and how it reports.

-- With the argument `note`: a note as JSON, for libraries. With `random`: one of 10,000 files each time, in an order that is
-- the same for every program. The requests are made beforehand, so that choosing one costs wrk next to nothing.
function init(args)
  if args[1] == "note" then
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.body = '{"title":"Groceries","text":"Milk, bread, two lemons, and what the cat eats on Sundays",' ..
      '"tags":["home","weekly"],"priority":2,"done":false}'
  end
  if args[1] ~= "random" then return end
  local requests = {}
  for number = 0, 9999 do
    requests[number] = wrk.format("GET", string.format("/many/%04d.bin", number))
  end
  math.randomseed(1)
  request = function() return requests[math.random(0, 9999)] end
end

-- One line for wrk.py: answers, bytes, microseconds, failures, p50 and p99 in microseconds.
function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.bytes, summary.duration, failures,
    latency:percentile(50), latency:percentile(99)))
end
