-- Sends the requests of requests.txt to @PATH@, the client's address in X-Forwarded-For.
--   wrk -t1 -c64 -d10s -s THIS_SCRIPT http://127.0.0.1:3000
-- requests.txt is read from the script's own folder, or from $TESTDATA_DIR if that is set.

local n_threads = 0

function setup(thread)
   thread:set("thread_index", n_threads)
   n_threads = n_threads + 1
end

function init(args)
   local source = debug.getinfo(1, "S").source
   local folder = os.getenv("TESTDATA_DIR") or source:match("^@(.*)/[^/]*$") or "."
   requests = {}
   for line in io.lines(folder .. "/requests.txt") do
      local target, client = line:match("^([^\t]+)\t(.+)$")
      local headers = { ["Host"] = wrk.headers["Host"], ["X-Forwarded-For"] = client }
      target = target:gsub("^/[^?]*", "@PATH@")
      requests[#requests + 1] = wrk.format("GET", target, headers)
   end
   -- Threads start in different places, so that they do not ask the same at the same time.
   position = thread_index * 7919 % #requests
end

function request()
   position = position % #requests + 1
   return requests[position]
end
