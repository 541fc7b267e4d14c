// A fetch that carries the session's CSRF token, to our own origin only, and
// that repeats a request once where the server asks for it.

import { header, saysOver } from "./api.js";

const safe = /^(GET|HEAD|OPTIONS|TRACE)$/;

// sessionFetch takes what fetch takes, and background: true in the options for
// requests that the page makes by itself.
export async function sessionFetch(client, input, init) {
  // A Request is copied first, so that the caller can still read its body.
  const request = new Request(input instanceof Request ? input.clone() : input, init);
  const { headers } = request;
  // The caller may have used addCSRFToken: what is our token is ours to renew,
  // and to keep from other origins.
  const given = headers.get(header.token);
  const free = !given || given === client.token;
  if (!client.isOurs(request.url)) {
    if (free) headers.delete(header.token);
    return client.env.fetch(request);
  }

  if (init?.background) headers.set(header.background, "1");
  else if (client.sawInput()) headers.set(header.activity, "1");

  let token = "";
  if (free && !safe.test(request.method)) {
    token = await client.tokenToSend();
    if (token) headers.set(header.token, token);
  }

  const again = request.clone(); // a body can be sent only once
  const response = await client.env.fetch(request);
  const code = await heed(client, response);
  if (code === "SESSION_RETRY" || (code === "CSRF_INVALID" && token)) {
    try {
      if (token) again.headers.set(header.token, await client.freshToken(token));
      else await client.breathe();
    } catch {
      return response; // another session, or no token to be had: nothing is repeated
    }
    const second = await client.env.fetch(again);
    await heed(client, second);
    return second;
  }
  return response;
}

// heed tells the client what a refusal says of the session, and returns its
// code. It reads a copy: the body is the caller's.
async function heed(client, response) {
  if (response.status < 400 || !/json/.test(response.headers.get("Content-Type"))) return "";
  const body = await response.clone().json().catch(() => null);
  if (saysOver(body?.code)) client.end(body);
  return body?.code;
}
