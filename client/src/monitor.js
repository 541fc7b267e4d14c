// What is known of the session, and when to look again. Whatever tells of it
// comes in by three ways: take (the server's answer), end (it has ended) and
// active (a person did something).

import { ApiError, request, saysOver } from "./api.js";
import { Deadline } from "./clock.js";

const chunk = 30_000; // no timer is longer: hidden tabs and sleep make long ones wrong
const leastWarning = 20; // seconds, WCAG 2.2.1
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;

// bound is a threshold in seconds that leaves time to answer.
const bound = (seconds) => Math.max(leastWarning, Number(seconds) || 300);

export class Monitor {
  constructor(env, base, threshold) {
    this.env = env;
    this.base = base.replace(/\/$/, "");
    this.threshold = bound(threshold);
    this.deadline = new Deadline(env);
    this.token = meta("csrf-token") ?? "";
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

  // once shares one answer among all who ask while it is under way.
  once(what, ask) {
    if (!this.flights.has(what)) this.flights.set(what, ask().finally(() => this.flights.delete(what)));
    return this.flights.get(what);
  }

  // call asks the API. SESSION_RETRY means that another answer is bringing a
  // new cookie: what has no token to renew is repeated once.
  async call(path, options) {
    const ask = () => request(this.env, this.base + path, { signal: this.gone.signal, ...options });
    try {
      return await ask();
    } catch (error) {
      if (error.code !== "SESSION_RETRY" || options.token) throw error;
      await this.breathe();
      return ask();
    }
  }

  // breathe leaves that other answer the time to arrive.
  breathe() {
    return new Promise((done) => this.env.setTimeout(done, 200));
  }

  // refresh asks how the session is doing. It throws if the server cannot say.
  refresh() {
    return this.once("info", async () => {
      this.askedAt = this.env.now();
      try {
        const { body, asked, answered } = await this.call("/info", { background: true });
        this.take(body.session, asked, answered);
      } catch (error) {
        this.failed(error);
        if (!this.over) throw error;
      } finally {
        this.schedule();
      }
      return this.session;
    });
  }

  // refreshAfter asks for an answer that is not older than this call.
  async refreshAfter() {
    await this.flights.get("info")?.catch(() => {});
    return this.refresh();
  }

  // take takes in what the server tells of the session.
  take(session, asked, answered) {
    if (this.gone.signal.aborted || this.over) return;
    this.failures = 0;
    this.askAt = answered + this.interval;
    const { page } = this;
    // No session where there was one: another tab signed out and took the cookie.
    if (!session && page.id) return this.end({});
    page.id ??= session?.session_id ?? null;
    page.principal ??= session?.principal ?? "";
    if (session && (session.session_id !== page.id || (session.principal ?? "") !== page.principal)) {
      this.change(session);
      return;
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

  // failed takes in why the server gave no success.
  failed(error) {
    if (!(error instanceof ApiError) || this.gone.signal.aborted) return;
    if (error.status === 401 && saysOver(error.code)) {
      this.end(error);
      return;
    }
    // 1, 2, 4 … 60 s, up to half of it less, so that pages that failed together
    // do not come back together. Nothing here ends the session: a server that
    // cannot be reached has not said so.
    const { random } = this.env;
    const backOff = Math.min(60_000, 1000 * 2 ** this.failures++) * (1 - random() / 2);
    this.waitUntil = this.env.now() + error.retryAfter;
    this.askAt = Math.max(this.env.now() + backOff, error.retryAfter && this.waitUntil + random() * 1000);
  }

  end({ message, reason, code }) {
    if (this.over || this.gone.signal.aborted) return;
    this.over = true;
    this.forget();
    this.raise("sessionExpired", {
      message: message || "Session expired. Please refresh the page.", reason: reason ?? "", code: code ?? "",
    });
  }

  // change says that the session is not the one that this page was loaded with.
  change(session) {
    if (this.changed) return;
    this.changed = true;
    this.forget();
    this.raise("sessionChanged", { session });
  }

  // forget drops what is known: there is nothing more to watch.
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
    if (!this.changed) return;
    throw Object.assign(new Error("The session is not the one that this page was loaded with."), { name: "SessionChangedError" });
  }

  // lead is how long before the end to warn, in milliseconds: the threshold, but
  // at most half of a short idle timeout, or there would be nothing but warning.
  lead() {
    const s = this.session;
    const idle = s?.extendable ? Date.parse(s.expires_at) - Date.parse(s.last_activity) : Infinity;
    return Math.min(this.threshold * 1000, Math.max(leastWarning * 1000, idle / 2));
  }

  // look raises the warning, once, when it is time.
  look() {
    if (!this.session || this.over) return;
    const left = this.deadline.left();
    if (left > this.lead()) return;
    const first = !this.warned;
    this.warned = true;
    if (first) this.raise("sessionWarning", { remainingSeconds: Math.ceil(left / 1000) });
    else this.rephrase();
  }

  startSessionMonitoring(ms = chunk) {
    this.interval = Math.max(1000, ms);
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
    let at = this.askAt;
    if (this.session && !this.failures) {
      const { endsAt } = this.deadline;
      if (!this.warned) at = Math.min(at, endsAt - this.lead());
      at = Math.min(at, endsAt + 50);
    }
    return Math.max(at, this.askedAt + 1000);
  }

  schedule() {
    this.env.clearTimeout(this.timer);
    if (!this.monitoring || this.gone.signal.aborted) return;
    const wait = Math.min(chunk, this.due() - this.env.now());
    this.timer = this.env.setTimeout(() => this.wake(), Math.max(50, wait));
  }

  async wake() {
    if (this.deadline.slept() || this.env.now() >= this.due()) await this.refresh().catch(() => {});
    this.look(); // also when nobody answered: the end comes all the same
    this.schedule();
  }

  // resync asks at once, unless the server has asked for a pause or has just
  // answered.
  resync() {
    const now = this.env.now();
    if (document.hidden || this.over || this.changed || now < this.waitUntil || now - this.askedAt < 1000) return;
    this.deadline.slept();
    this.refresh().catch(() => {});
  }

  setThreshold(seconds) {
    this.threshold = bound(seconds);
    this.look();
    this.schedule();
  }

  // active is called when a person did something. An extension changes little
  // as long as the server has seen somebody a moment ago.
  active(now) {
    const s = this.session;
    if (!this.autoExtend || !s?.extendable || !s.expires_at || this.asking()) return;
    const seen = Date.parse(s.last_activity);
    const pause = Math.min(60_000, (Date.parse(s.expires_at) - seen) / 4);
    if (now - Math.max(this.lastExtended, this.deadline.here(s.last_activity)) >= pause) this.extendSession();
  }

  // raise dispatches an event on window, and does what a page has not prevented.
  raise(name, detail) {
    if (this.gone.signal.aborted) return;
    if (window.dispatchEvent(new CustomEvent(name, { detail, cancelable: true }))) this.show(name, detail);
  }
}
