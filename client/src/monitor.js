// What is known of the session, and when to look again. Whatever tells of it
// comes in by three ways: take (the server's answer), end (it has ended) and
// active (a person did something).

import { request, saysOver } from "./api.js";
import { Deadline } from "./clock.js";

const chunk = 30_000; // no timer is longer: hidden tabs and sleep make long ones wrong
const leastWarning = 20; // seconds, WCAG 2.2.1
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;

// bound is a threshold in seconds that leaves time to answer.
const bound = (seconds) => Math.max(leastWarning, seconds >= 0 && seconds < Infinity ? Number(seconds) : 300);

// The session is not the one that the page was loaded with, or not any more.
export const changedError = () =>
  Object.assign(new Error("The session has changed."), { name: "SessionChangedError" });

export class Monitor {
  constructor(env, base, threshold) {
    this.env = env;
    this.base = base.replace(/\/$/, "");
    this.threshold = bound(threshold);
    this.deadline = new Deadline(env);
    this.token = meta("csrf-token") ?? "";
    this.tokens = new Set([this.token]); // that were ours so far
    // Whose page this is. What the page does not tell, the first answer does.
    this.page = { id: meta("satra-session") || null, principal: meta("satra-principal") ?? null };
    this.session = null;
    this.over = false; // the session has ended, and the server has said so
    this.changed = false; // the session or its principal is not the page's
    this.warned = false;
    this.failures = 0; // in a row
    this.interval = chunk;
    this.askedAt = this.askAt = this.waitUntil = -Infinity;
    this.lastExtended = -Infinity;
    this.flights = new Map();
    this.gone = new AbortController(); // aborted by destroy
  }

  // done tells that there is nothing more to watch.
  get done() {
    return this.over || this.changed || this.gone.signal.aborted;
  }

  // once shares one answer among all who ask while it is under way.
  once(what, ask) {
    const { flights } = this;
    if (!flights.has(what)) flights.set(what, ask().finally(() => flights.delete(what)));
    return flights.get(what);
  }

  // call asks the API. SESSION_RETRY means that another answer is bringing a
  // new cookie: what has no token to renew is repeated once. An answer from
  // before the page was given another session is nobody's.
  async call(path, options) {
    const { page } = this;
    const ask = () => request(this.env, this.base + path, { signal: this.gone.signal, ...options });
    const stillOurs = () => {
      if (page !== this.page) throw changedError();
    };
    try {
      const answer = await ask().catch(async (error) => {
        if (error.code !== "SESSION_RETRY" || options.token) throw error;
        await this.breathe();
        return ask();
      });
      stillOurs();
      return answer;
    } catch (error) {
      stillOurs();
      this.failed(error);
      throw error;
    }
  }

  // breathe leaves that other answer the time to arrive.
  breathe() {
    return new Promise((done) => this.env.setTimeout(done, 200));
  }

  // refreshSessionInfo asks how the session is doing. It throws if the server cannot say.
  refreshSessionInfo() {
    return this.once("info", async () => {
      this.askedAt = this.env.now();
      try {
        const { body, asked, answered } = await this.call("/info", { background: true });
        this.take(body.session, asked, answered);
      } catch (error) {
        if (!this.over) throw error;
      }
      return this.session;
    });
  }

  // refreshAfter asks for an answer that is not older than this call.
  async refreshAfter() {
    await this.flights.get("info")?.catch(() => {});
    return this.refreshSessionInfo();
  }

  // take takes in what the server tells of the session.
  take(session, asked, answered) {
    if (this.done) return;
    this.failures = 0;
    this.askAt = answered + this.interval;
    const { page } = this;
    // No session where there was one: another tab signed out and took the cookie.
    if (!session && page.id) return this.end({});
    page.id ??= session?.session_id ?? null;
    page.principal ??= session?.principal ?? "";
    if (session && (session.session_id !== page.id || (session.principal ?? "") !== page.principal)) {
      return this.change(session);
    }
    if (session && !this.deadline.take(session, asked, answered)) return;
    this.session = session;
    if (!session) this.deadline.clear();
    this.uncover();
    if (this.warned && this.deadline.left() > this.lead()) {
      this.warned = false;
      this.withdraw();
      this.raise("sessionRestored", { session });
    }
    this.look();
    this.schedule();
  }

  // failed takes in why the server gave no success. A token that is out of date
  // says nothing about the server.
  failed(error) {
    if (this.done || error.code === "CSRF_INVALID") return;
    if (error.status === 401 && saysOver(error.code)) return this.end(error);
    // 1, 2, 4 … 60 s, up to half of it less, so that pages that failed together
    // do not come back together. Nothing here ends the session: a server that
    // cannot be reached has not said so.
    const { random } = this.env;
    const backOff = Math.min(60_000, 1000 * 2 ** this.failures++) * (1 - random() / 2);
    this.waitUntil = this.env.now() + error.retryAfter;
    this.askAt = Math.max(this.env.now() + backOff, error.retryAfter && this.waitUntil + random() * 1000);
    this.schedule();
  }

  end({ message, reason, code }) {
    if (this.done) return;
    this.over = true;
    this.forget();
    this.raise("sessionExpired", {
      message: message || "Session expired. Please refresh the page.", reason: reason ?? "", code: code ?? "",
    });
  }

  // change says that the session is not the one that this page was loaded with.
  change(session) {
    this.changed = true;
    this.forget();
    this.raise("sessionChanged", { session });
  }

  // forget drops what is known.
  forget() {
    this.session = null;
    this.token = "";
    this.warned = false;
    this.deadline.clear();
    this.stopSessionMonitoring();
  }

  // refuseChanged throws once the page is another session's: what was clicked
  // on it was meant for the one that it shows.
  refuseChanged() {
    if (this.changed) throw changedError();
  }

  // lead is how long before the end to warn, in milliseconds: the threshold, but
  // at most half of a short idle timeout, or there would be nothing but warning.
  lead() {
    const { session, deadline } = this;
    const idle = session?.extendable ? deadline.endsAt - deadline.here(session.last_activity) : Infinity;
    return Math.min(this.threshold * 1000, Math.max(leastWarning * 1000, idle / 2));
  }

  // look raises the warning, once, when it is time.
  look() {
    if (!this.session) return;
    const left = this.deadline.left();
    if (left > this.lead()) return;
    const first = !this.warned;
    this.warned = true;
    if (first) this.raise("sessionWarning", { remainingSeconds: Math.ceil(left / 1000) });
    else this.rephrase();
  }

  startSessionMonitoring(ms = chunk) {
    this.interval = Math.max(1000, Number(ms) || chunk);
    this.monitoring = true;
    if (!this.failures) this.askAt = this.env.now() + this.interval;
    this.schedule();
  }

  stopSessionMonitoring() {
    this.monitoring = false;
    this.env.clearTimeout(this.timer);
  }

  // due tells at which time to ask next: in turn, before the warning (somebody
  // may have been active in another tab), and at the end.
  due() {
    const { endsAt } = this.deadline; // Infinity if there is no session
    const turn = this.warned ? endsAt + 50 : endsAt - this.lead();
    return Math.max(this.askedAt + 1000, this.failures ? this.askAt : Math.min(this.askAt, turn));
  }

  schedule() {
    this.env.clearTimeout(this.timer);
    if (!this.monitoring || this.done) return;
    const wait = Math.max(50, Math.min(chunk, this.due() - this.env.now()));
    this.timer = this.env.setTimeout(() => this.wake(), wait);
  }

  async wake() {
    if (this.deadline.slept() || this.env.now() >= this.due()) await this.refreshSessionInfo().catch(() => {});
    this.look(); // also when nobody answered: the end comes all the same
    this.schedule();
  }

  // resync asks at once, unless the server has asked for a pause or has just
  // answered.
  resync() {
    const now = this.env.now();
    if (document.hidden || this.done || now < this.waitUntil || (!this.failures && now - this.askedAt < 1000)) return;
    this.deadline.slept();
    this.refreshSessionInfo().catch(() => {});
  }

  setWarningThreshold(seconds = 300) {
    this.threshold = bound(seconds);
    this.look();
    this.schedule();
  }

  // active is called when a person did something. An extension changes little
  // as long as the server has seen somebody a moment ago.
  active(now) {
    const s = this.session;
    if (!this.autoExtend || !s?.extendable || !s.expires_at || this.asking() || now < this.waitUntil) return;
    const seen = this.deadline.here(s.last_activity);
    const pause = Math.min(60_000, (this.deadline.endsAt - seen) / 4);
    if (now - Math.max(this.lastExtended, seen) >= pause) this.extendSession();
  }

  // raise dispatches an event on window, and does what a page has not prevented.
  raise(name, detail) {
    if (this.gone.signal.aborted) return;
    if (window.dispatchEvent(new CustomEvent(name, { detail, cancelable: true }))) this.show(name, detail);
  }
}
