-- Asks a Curfew edge about a request. Sets txn.curfew_status: the edge's answer,
-- or 503 when there was none. Only a 200 is a yes.
local passed_on = { "authorization", "cookie", "origin", "sec-fetch-site", "x-request-id" }
local identity = { "user", "session", "tenant", "roles", "scope", "issuer", "assertion" }

local function first(headers, name)
  local values = headers and headers[name]
  return values and values[0] or ""
end

core.register_action("curfew", { "http-req" }, function(txn, url)
  txn:set_var("txn.curfew_status", 503)
  local all, question = txn.http:req_get_headers(), {}
  for _, name in ipairs(passed_on) do
    if all[name] then
      local values = {} -- every one: the edge refuses what comes twice
      for i = 0, #all[name] do values[#values + 1] = all[name][i] end
      question[name] = values
    end
  end
  -- The question is a GET; for tokens in cookies the edge must know more.
  -- A WebSocket is not as harmless as a GET: any page may open one.
  question["x-forwarded-method"] = { all["upgrade"] and "CONNECT" or txn.f:method() }
  question["x-forwarded-host"] = { first(all, "host") }
  -- HAProxy tries up to four times, a second each.
  local answer = core.httpclient():get { url = url, headers = question, timeout = 1000 }
  if not answer or not answer.status or answer.status == 0 then return end
  txn:set_var("txn.curfew_status", answer.status)
  txn:set_var("txn.curfew_challenge", first(answer.headers, "www-authenticate"))
  for _, name in ipairs(identity) do
    txn:set_var("txn.curfew_" .. name, first(answer.headers, "x-curfew-" .. name))
  end
end, 1)
