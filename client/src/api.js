// Requests to the session API: with a time-out, never cached, and with errors
// that say whether the server has answered at all.

const timeout = 10_000;

// The headers of the contract with the server.
export const header = {
  token: "X-CSRF-Token",
  activity: "X-Session-Activity", // a person caused this request
  background: "X-Session-Background", // the page makes it by itself
};

// saysOver tells that a code means: this session has ended.
export const saysOver = (code) => code === "SESSION_EXPIRED" || code === "SESSION_REVOKED";

// An ApiError is an answer that is not a success, or none: then status is 0.
export class ApiError extends Error {
  constructor(status, body, retryAfter = 0) {
    super(body?.message || (status ? `The server answered ${status}.` : "The server could not be reached."));
    this.name = "SessionApiError";
    this.status = status;
    this.code = body?.code ?? "";
    this.reason = body?.reason ?? "";
    this.retryAfter = retryAfter; // milliseconds the server asks to wait; 0: it does not say
  }
}

// request asks the API. With the body come the times of asking and of the
// answer, for whoever reads the server's clock from it.
export async function request(env, url, { method = "GET", token, background, signal }) {
  const headers = new Headers({ Accept: "application/json" });
  if (token) headers.set(header.token, token);
  headers.set(background ? header.background : header.activity, "1");
  const stop = new AbortController();
  const abort = () => stop.abort();
  const timer = env.setTimeout(abort, timeout);
  signal.addEventListener("abort", abort, { signal: stop.signal });
  if (signal.aborted) abort();
  const asked = env.now();
  try {
    const response = await env.fetch(url, {
      method, headers, signal: stop.signal, credentials: "same-origin", cache: "no-store", redirect: "error",
    });
    const body = await response.json().catch(() => null);
    if (!response.ok || body?.status !== "success") throw new ApiError(response.status, body, retryAfter(response, env));
    return { body, asked, answered: env.now() };
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(0);
  } finally {
    env.clearTimeout(timer);
    abort(); // all is read: this only takes the listener away
  }
}

// retryAfter reads the header in either of its forms, in milliseconds.
function retryAfter(response, env) {
  const value = response.headers.get("Retry-After");
  if (!value) return 0;
  const wait = /^\d+$/.test(value) ? value * 1000 : Date.parse(value) - env.wall();
  return wait > 0 ? wait : 0;
}
