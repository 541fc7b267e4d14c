// The browser's side of a Satra session. It watches the session without
// keeping it alive, warns before the end, puts the end off when a person does
// something, and gives requests their CSRF token.

import { header } from "./api.js";
import { watchActivity } from "./activity.js";
import { Dialog } from "./dialog.js";
import { sessionFetch } from "./fetch.js";
import { changedError, Monitor } from "./monitor.js";

// What a test replaces: the clocks, the timers and the network.
const browser = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimeout: (f, ms) => window.setTimeout(f, ms),
  clearTimeout: (id) => window.clearTimeout(id),
  fetch: (...args) => window.fetch(...args),
  random: () => Math.random(),
};

export class SessionManagerClient extends Monitor {
  constructor({ base = "/api/session", origins = [], autoExtend = true, warningThreshold, dialog = true, words, env } = {}) {
    super({ ...browser, ...env }, base, warningThreshold);
    this.origins = origins;
    this.autoExtend = autoExtend;
    this.lastInput = -Infinity;
    if (dialog) this.dialog = new Dialog(this, words);
  }

  // init begins to watch, and resolves to whether there is a session. A start
  // that fails is tried again by itself.
  async init() {
    if (this.gone.signal.aborted) return false;
    if (!this.listening) this.listen();
    this.startSessionMonitoring(this.interval);
    return this.checkSession();
  }

  // adoptSession makes whatever session there is now the page's own: for pages
  // that sign somebody in, or show the new state, without being loaded again.
  adoptSession() {
    this.forget();
    this.over = this.changed = false;
    this.page = { id: null, principal: null };
    this.flights = new Map(); // what is under way was asked for the earlier one
    this.dialog?.close();
    return this.init();
  }

  // getCSRFToken returns the token, and asks for one if the page has none.
  // After the end it is "": to ask would begin another session, and without one
  // the server tells why.
  async getCSRFToken() {
    this.refuseChanged();
    return this.token || this.refreshCSRFToken();
  }

  // refreshCSRFToken asks for a token. It belongs to whoever is signed in now,
  // in any tab: only if that is whom this page was loaded for is it used.
  refreshCSRFToken() {
    return this.once("token", async () => {
      this.refuseChanged();
      if (this.over) return "";
      try {
        const { body } = await this.call("/csrf-token", { background: true });
        await this.refreshAfter();
        this.refuseChanged();
        if (!this.over) this.tokens.add(this.token = body.csrf_token);
      } catch (error) {
        if (!this.over) throw error;
      }
      return this.token;
    });
  }

  // freshToken is a token other than the one that was refused: renewed once for
  // all who were refused with it.
  async freshToken(refused) {
    if (this.token === refused) this.token = "";
    const token = await this.getCSRFToken();
    if (!token) throw changedError();
    return token;
  }

  // remainingSeconds is the time to the end, by the server's clock, rounded up;
  // Infinity if there is none.
  remainingSeconds() {
    return Math.ceil(this.deadline.left() / 1000);
  }

  // getSessionInfo returns what was last heard, or asks if nothing was.
  async getSessionInfo() {
    return this.session ?? this.refreshSessionInfo();
  }

  // checkSession asks the server, and resolves to whether there is a session:
  // if the server cannot be reached, to what was last heard.
  async checkSession() {
    await this.refreshSessionInfo().catch(() => {});
    return Boolean(this.session);
  }

  // extendSession resolves to whether the server has confirmed.
  extendSession() {
    return this.once("extend", async () => {
      this.lastExtended = this.env.now();
      try {
        const { body, asked, answered } = await this.post("/extend");
        this.take(body.session, asked, answered);
        const { session } = this;
        if (session) this.raise("sessionExtended", { session });
        return Boolean(session);
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

  // settle waits until another answer has brought the cookie, and throws if that
  // is another session's.
  async settle() {
    await this.breathe();
    await this.refreshAfter().catch(() => {});
    this.refuseChanged();
  }

  // post asks with the token, and once more if that was out of date. Where no
  // session is known none is begun by asking for a token.
  async post(path) {
    this.refuseChanged();
    const token = this.page.id ? await this.getCSRFToken() : this.token;
    const ask = (token) => this.call(path, { method: "POST", token });
    return ask(token).catch(async (error) => {
      if (error.code !== "CSRF_INVALID" && error.code !== "SESSION_RETRY") throw error;
      return ask(await this.freshToken(token));
    });
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

  setAutoExtend(on) {
    this.autoExtend = Boolean(on);
  }

  // setWords replaces texts of the dialog, from the next time that it opens.
  setWords(words) {
    this.dialog?.say(words);
  }

  // sawInput tells that a person did something just now.
  sawInput() {
    return this.env.now() - this.lastInput < 5000;
  }

  // asking tells that the dialog waits for an answer, which moving the mouse is
  // not.
  asking() {
    return Boolean(this.dialog?.element);
  }

  // show is what happens by itself on an event that no page has prevented.
  show(name, detail) {
    if (name === "sessionWarning") this.dialog?.warn(this.session.extendable);
    if (name !== "sessionExpired" && name !== "sessionChanged") return;
    if (this.veil) window.location.reload();
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

  // cover hides the page by a style sheet that is made here: no policy forbids
  // that, and it works where the dialog's style sheet is not used.
  cover() {
    if (this.veil) return;
    this.veil = new CSSStyleSheet();
    this.veil.replaceSync("body{visibility:hidden!important}");
    document.adoptedStyleSheets.push(this.veil);
  }

  uncover() {
    if (!this.veil) return;
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== this.veil);
    this.veil = null;
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
      if (this.page.principal !== "") this.cover();
      if (this.over || this.changed) window.location.reload();
      else this.refreshAfter().catch(() => {});
    };
    const { signal } = this.gone;
    this.listening = true;
    for (const kind of ["visibilitychange", "resume"]) document.addEventListener(kind, resync, { signal });
    for (const kind of ["focus", "online"]) window.addEventListener(kind, resync, { signal });
    window.addEventListener("pageshow", shown, { signal });
    watchActivity(this.env, signal, (now) => {
      this.lastInput = now;
      this.active(now);
    });
  }

  // destroy ends everything that this client does, and removes what it made.
  destroy() {
    this.gone.abort();
    this.stopSessionMonitoring();
    this.dialog?.close();
    this.uncover();
  }
}
