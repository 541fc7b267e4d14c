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
}

export interface SessionWords {
  title: string; warning: string; limit: string; stay: string; end: string; ok: string;
  failed: string; ended: string; reload: string; left: string;
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
  /** The dialog's texts; "{time}" is replaced. */
  words?: Partial<SessionWords>;
}

export interface SessionRequestInit extends RequestInit {
  /** The page asks by itself: the request is no activity. */
  background?: boolean;
}

export class SessionManagerClient {
  constructor(options?: SessionManagerOptions);
  /** Begins to watch; resolves to whether there is a session. A start that fails is tried again. */
  init(): Promise<boolean>;
  getCSRFToken(): Promise<string>;
  refreshCSRFToken(): Promise<string>;
  /** What was last heard, or the server's answer if nothing was. */
  getSessionInfo(): Promise<SessionInfo | null>;
  refreshSessionInfo(): Promise<SessionInfo | null>;
  /** Resolves to whether the server has confirmed. */
  extendSession(): Promise<boolean>;
  /** Signs out; resolves to whether the server has confirmed. */
  clearSession(): Promise<boolean>;
  startSessionMonitoring(ms?: number): void;
  stopSessionMonitoring(): void;
  checkSession(): Promise<boolean>;
  addCSRFToken(options?: RequestInit): RequestInit & { headers: Headers };
  fetch(input: RequestInfo | URL, init?: SessionRequestInit): Promise<Response>;
  setAutoExtend(on: boolean): void;
  setWarningThreshold(seconds?: number): void;
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
    sessionChanged: CustomEvent<{ session: SessionInfo | null }>;
  }
}
