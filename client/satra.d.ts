// Types of the Satra client.

/** What the server tells of the session; times are RFC 3339. */
export interface SessionInfo {
  session_id: string;
  created_at: string;
  last_activity: string;
  /** Whole seconds since the last activity. */
  elapsed_seconds: number;
  /** Whole seconds to the nearer end; null if there is none. */
  remaining_seconds: number | null;
  is_active: boolean;
  user_data: Record<string, unknown>;
  now: string;
  expires_at: string | null;
  absolute_expires_at: string | null;
  /** Whether activity would put off the end. */
  extendable: boolean;
  /** "" for a guest. */
  principal: string;
  authenticated_at: string | null;
  reauth_required: boolean;
}

/** The dialog's texts. What is left out keeps its English default. */
export interface SessionWords {
  /** Above the warning while the end can be put off. */
  title: string;
  warning: string;
  /** Above the warning once it cannot. */
  limitTitle: string;
  limit: string;
  /** The buttons: put off the end; close the dialog where it cannot be put off; sign out. */
  stay: string;
  ok: string;
  leave: string;
  /** Read out now and then: "{time}" is replaced by what time() makes of the seconds. */
  left: string;
  /** The server has not confirmed what was chosen. */
  failed: string;
  /** The time is up, and the server has not answered yet. */
  checking: string;
  /** The titles of what is shown afterwards. */
  sessionExpired: string;
  sessionChanged: string;
  changed: string;
  /** The button that loads the page again. */
  reload: string;
  /** Why it has ended, by the reason that the server gives; for others its message is shown. */
  reasons: Record<string, string>;
  time: (seconds: number) => string;
}

/** What a test replaces: the clocks (milliseconds), the timers, the network and chance. */
export interface SessionEnvironment {
  /** A clock that never jumps, as performance.now. */
  now: () => number;
  /** The clock on the wall, as Date.now. */
  wall: () => number;
  setTimeout: (f: () => void, ms: number) => number;
  clearTimeout: (id: number | undefined) => void;
  fetch: typeof fetch;
  random: () => number;
}

export interface SessionManagerOptions {
  /** Where the session API is. Default "/api/session". */
  base?: string;
  /** Other origins that may be sent the token, exactly as "https://host". Default none. */
  origins?: string[];
  /** Put off the end when a person does something. Default true. */
  autoExtend?: boolean;
  /** Seconds before the end at which to warn, at least 20. Default 300. */
  warningThreshold?: number;
  /** false: no dialog, events only. */
  dialog?: boolean;
  words?: Partial<SessionWords>;
  env?: Partial<SessionEnvironment>;
}

export interface SessionRequestInit extends RequestInit {
  /** The page asks by itself: the request is no activity. */
  background?: boolean;
}

export class SessionManagerClient {
  constructor(options?: SessionManagerOptions);
  /** What was last heard of the session; null if there is none. */
  readonly session: SessionInfo | null;
  /** Whole seconds to the nearer end, by the server's clock, rounded up; Infinity if there is none. */
  remainingSeconds(): number;
  /** Begins to watch; resolves to whether there is a session. A start that fails is tried again. */
  init(): Promise<boolean>;
  /**
   * Makes whatever session there is now the page's own: for pages that sign somebody in, or show the new state, without
   * being loaded again. Resolves to whether there is one.
   */
  adoptSession(): Promise<boolean>;
  /**
   * The token that is known, or one from the server. "" once the session has ended. Rejects with a SessionChangedError
   * once the session is not the page's, and with a SessionApiError if the server gives none.
   */
  getCSRFToken(): Promise<string>;
  refreshCSRFToken(): Promise<string>;
  /** What was last heard, or the server's answer if nothing was. */
  getSessionInfo(): Promise<SessionInfo | null>;
  refreshSessionInfo(): Promise<SessionInfo | null>;
  /** Resolves to whether the server has confirmed. */
  extendSession(): Promise<boolean>;
  /** Signs out; resolves to whether the server has confirmed. */
  clearSession(): Promise<boolean>;
  /** Asks the server each ms milliseconds, 30000 by default, besides before the warning and at the end. */
  startSessionMonitoring(ms?: number): void;
  stopSessionMonitoring(): void;
  /** Asks the server; resolves to whether there is a session, as last heard if it cannot be reached. */
  checkSession(): Promise<boolean>;
  /** A copy of the options of a fetch, with the token if it is known. */
  addCSRFToken(options?: RequestInit): RequestInit & { headers: Headers };
  /**
   * As window.fetch, with the token on requests to this origin that are not GET, HEAD, OPTIONS or TRACE. Such a request
   * does not follow a redirect to another origin. Rejects with a SessionChangedError, and sends nothing, once the session
   * is not the page's.
   */
  fetch(input: RequestInfo | URL, init?: SessionRequestInit): Promise<Response>;
  setAutoExtend(on: boolean): void;
  /** Seconds before the end at which to warn: 300 by default, at least 20, at most half of the idle timeout. */
  setWarningThreshold(seconds?: number): void;
  /** Replaces texts of the dialog from the next time that it opens. */
  setWords(words: Partial<SessionWords>): void;
  /** Ends what is under way, and removes listeners, timers and the dialog. It cannot be begun again. */
  destroy(): void;
}

declare global {
  interface Window {
    SessionManagerClient: typeof SessionManagerClient;
    sessionManager: SessionManagerClient;
  }
  interface WindowEventMap {
    /** preventDefault keeps the dialog away. */
    sessionWarning: CustomEvent<{ remainingSeconds: number }>;
    /** preventDefault keeps the dialog away. */
    sessionExpired: CustomEvent<{ message: string; reason: string; code: string }>;
    sessionExtended: CustomEvent<{ session: SessionInfo }>;
    sessionRestored: CustomEvent<{ session: SessionInfo }>;
    /** The session or its principal is not the one that the page was loaded with. */
    sessionChanged: CustomEvent<{ session: SessionInfo }>;
  }
}
