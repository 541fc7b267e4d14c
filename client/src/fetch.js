// A fetch that carries the session's CSRF token, to our own origin only, and
// that repeats a request once where the server asks for it.

import { header, saysOver } from "./api.js";

const safe = /^(GET|HEAD|OPTIONS|TRACE)$/;

// sessionFetch takes what fetch takes, and background: true in the options for
// requests that the page makes by itself.
export async function sessionFetch(client, input, init) {
  // A Request is copied first, so that the caller can still read its body.
  let request = new Request(input instanceof Request ? input.clone() : input, init);
  // The caller may have used addCSRFToken: what is our token is ours to renew,
  // and to keep from other origins.
  const given = request.headers.get(header.token);
  const free = !given || client.tokens.has(given);
  const { origin } = new URL(request.url);
  const home = origin === window.location.origin;
  if (!home && !client.origins.includes(origin)) {
    if (free) request.headers.delete(header.token);
    return client.env.fetch(request);
  }

  const unsafe = !safe.test(request.method);
  // Else a redirect to another origin would take the token along.
  if (home && free && (given || unsafe)) request = new Request(request, { mode: "same-origin" });
  const { headers } = request;
  if (init?.background) headers.set(header.background, "1");
  else if (client.sawInput()) headers.set(header.activity, "1");
  const { page } = client;
  let token = "";
  if (free && unsafe) {
    token = await client.getCSRFToken();
    if (token) headers.set(header.token, token);
  }

  const again = request.clone(); // a body can be sent only once
  const response = await client.env.fetch(request);
  const code = await heed(client, page, response);
  if (page !== client.page || (code !== "SESSION_RETRY" && (code !== "CSRF_INVALID" || !token))) return response;
  try {
    if (token) again.headers.set(header.token, await client.freshToken(token));
    else await client.settle();
  } catch {
    return response; // another session, or no token to be had: nothing is repeated
  }
  const second = await client.env.fetch(again);
  await heed(client, page, second);
  return second;
}

// heed tells the client what a refusal says of the session, and returns its
// code. It reads a copy: the body is the caller's.
async function heed(client, page, response) {
  if (response.status < 400 || !/json/.test(response.headers.get("Content-Type"))) return "";
  const body = await response.clone().json().catch(() => null);
  if (saysOver(body?.code) && page === client.page) client.end(body);
  return body?.code;
}
