// Types of what listens to the session's events.

import type { SessionManagerClient } from "./satra.js";

/**
 * Has a started client ask the server at once when the session was ended,
 * extended or is near its end, in whichever tab or on whichever device. One
 * visible tab of the browser listens, over HTTP/2 or HTTP/3 and where the browser
 * has Web Locks; elsewhere it does nothing, and the client polls as ever.
 *
 * force: listen over HTTP/1.1, too, where the stream takes one of the six
 * connections that all tabs have to the host.
 *
 * Returns a function that stops it; so does the client's destroy().
 */
export function watchLive(manager: SessionManagerClient, options?: { force?: boolean }): () => void;
