// The browser's side of a Satra session. It watches the session without
// keeping it alive, warns before the end, puts the end off when a person does
// something, and gives requests their CSRF token.

import { header } from "./api.js";
import { watchActivity } from "./activity.js";
import { Dialog } from "./dialog.js";
import { sessionFetch } from "./fetch.js";
import { Monitor } from "./monitor.js";

// What a test replaces: the clocks, the timers and the network.
const browser = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimeout: (f, ms) => window.setTimeout(f, ms),
  clearTimeout: (id) => window.clearTimeout(id),
  fetch: (...args) => window.fetch(...args),
  random: () => Math.random(),
};

const veil = "data-satra-veil"; // on the root: the style sheet hides the page

export class SessionManagerClient extends Monitor {
  constructor({ base = "/api/session", origins = [], autoExtend = true, warningThreshold, dialog = true, words, env } = {}) {
    super({ ...browser, ...env }, base, warningThreshold);
    this.origins = origins;
    this.autoExtend = autoExtend;
    this.lastInput = -Infinity;
    if (dialog) {
      this.dialog = new Dialog(this.env, {
        stay: () => this.extendSession(),
        leave: async () => {
          const done = await this.clearSession();
          if (done) window.location.reload();
          return done;
        },
        left: () => this.deadline.left(),
      }, words);
    }
  }

  // init begins to watch, and resolves to whether there is a session. A start
  // that fails is tried again by itself.
  async init() {
    if (!this.unlisten) this.listen();
    this.startSessionMonitoring(this.interval);
    return this.checkSession();
  }

  // adoptSession makes whatever session there is now the page's own: for pages
  // that sign somebody in, or show the new state, without being loaded again.
  adoptSession() {
    this.forget();
    this.over = this.changed = false;
    this.page = { id: null, principal: null };
    this.dialog?.close();
    return this.init();
  }

  async getCSRFToken() {
    return this.token || this.refreshCSRFToken();
  }

  // refreshCSRFToken asks for a token. It belongs to whoever is signed in now,
  // in any tab: only if that is whom this page was loaded for is it used.
  refreshCSRFToken() {
    return this.once("token", async () => {
      const { body } = await this.call("/csrf-token", { background: true }).catch((error) => {
        this.failed(error);
        this.schedule();
        throw error;
      });
      await this.refreshAfter();
      this.refuseChanged();
      if (!this.over) this.token = body.csrf_token;
      return this.token;
    });
  }

  // freshToken is a token other than the one that was refused: renewed once for
  // all who were refused with it.
  async freshToken(refused) {
    if (this.token === refused) this.token = "";
    const token = await this.tokenToSend();
    if (!token) throw new Error("There is no session.");
    return token;
  }

  // tokenToSend is "" once the session has ended: the server then tells why.
  async tokenToSend() {
    this.refuseChanged();
    return this.over ? "" : this.getCSRFToken();
  }

  // getSessionInfo returns what was last heard, or asks if nothing was.
  async getSessionInfo() {
    return this.session ?? this.refresh();
  }

  async refreshSessionInfo() {
    return this.refresh();
  }

  // checkSession asks the server, and resolves to whether there is a session:
  // if the server cannot be reached, to what was last heard.
  async checkSession() {
    await this.refresh().catch(() => {});
    return Boolean(this.session);
  }

  // extendSession resolves to whether the server has confirmed.
  extendSession() {
    return this.once("extend", async () => {
      this.lastExtended = this.env.now();
      try {
        const { body, asked, answered } = await this.post("/extend");
        this.take(body.session, asked, answered);
        if (!this.session) return false;
        this.raise("sessionExtended", { session: this.session });
        return true;
      } catch (error) {
        if (error.status === 400) this.take(null, 0, this.env.now()); // none to extend
        return false;
      }
    });
  }

  // clearSession signs out, and resolves to whether the server has confirmed.
  clearSession() {
    return this.once("clear", async () => {
      try {
        if (this.over) return true;
        await this.post("/clear");
        this.forget();
        this.dialog?.close();
        this.page = { id: null, principal: "" };
        return true;
      } catch {
        return this.over; // somebody else was faster
      }
    });
  }

  // post asks with the token, and once more if that was out of date.
  async post(path) {
    const ask = (token) => this.call(path, { method: "POST", token });
    const token = await this.tokenToSend();
    try {
      return await ask(token).catch(async (error) => {
        if (error.code !== "CSRF_INVALID" && error.code !== "SESSION_RETRY") throw error;
        return ask(await this.freshToken(token));
      });
    } catch (error) {
      this.failed(error);
      this.schedule();
      throw error;
    }
  }

  // addCSRFToken returns the options of a fetch with the token that is known.
  addCSRFToken(options = {}) {
    const headers = new Headers(options.headers);
    if (this.token) headers.set(header.token, this.token);
    return { ...options, headers };
  }

  fetch(input, init) {
    return sessionFetch(this, input, init);
  }

  isOurs(url) {
    const { origin } = new URL(url);
    return origin === window.location.origin || this.origins.includes(origin);
  }

  setAutoExtend(on) {
    this.autoExtend = Boolean(on);
  }

  setWarningThreshold(seconds = 300) {
    this.setThreshold(seconds);
  }

  // sawInput tells that a person did something just now.
  sawInput() {
    return this.env.now() - this.lastInput < 5000;
  }

  // asking tells that the dialog waits for an answer, which moving the mouse is
  // not.
  asking() {
    return Boolean(this.dialog?.open);
  }

  // show is what happens by itself on an event that no page has prevented.
  show(name, detail) {
    if (name === "sessionWarning") this.dialog?.warn(this.session.extendable);
    if (name !== "sessionExpired" && name !== "sessionChanged") return;
    if (document.documentElement.hasAttribute(veil)) window.location.reload();
    else this.dialog?.over(name, detail);
  }

  // rephrase keeps an open warning true: the end may have become one that
  // cannot be moved.
  rephrase() {
    if (this.asking()) this.dialog.warn(this.session.extendable);
  }

  withdraw() {
    this.dialog?.close();
  }

  uncover() {
    document.documentElement.removeAttribute(veil);
  }

  // listen hears what a page goes through. Whatever may have let time pass
  // unseen means: ask before showing anything.
  listen() {
    const resync = () => this.resync();
    const shown = (event) => {
      if (!event.persisted) return;
      // The page comes from the back/forward cache and shows what it showed
      // then. If that was somebody's, it stays hidden until the server has said
      // that they are still signed in.
      if (this.page.principal) document.documentElement.setAttribute(veil, "");
      if (this.over || this.changed) window.location.reload();
      else this.refreshAfter().catch(() => {});
    };
    const heard = [
      [document, "visibilitychange", resync], [document, "resume", resync],
      [window, "focus", resync], [window, "online", resync], [window, "pageshow", shown],
    ];
    for (const [on, kind, f] of heard) on.addEventListener(kind, f);
    const quiet = watchActivity(this.env, (now) => {
      this.lastInput = now;
      this.active(now);
    });
    this.unlisten = () => {
      quiet();
      for (const [on, kind, f] of heard) on.removeEventListener(kind, f);
      this.unlisten = null;
    };
  }

  // destroy ends everything that this client does, and removes what it made.
  destroy() {
    this.gone.abort();
    this.stopSessionMonitoring();
    this.unlisten?.();
    this.dialog?.close();
    this.uncover();
  }
}
