// The dashboard's own script: the session bar counts down, its two forms need
// no page load, and the market's status is refreshed without counting as
// activity. Everything on the page works without it, too.
//
// What there is to know of the session is window.sessionManager's: this script
// asks the server nothing about it and keeps no clock of its own.
"use strict";
(() => {
  const manager = window.sessionManager;
  const bar = document.getElementById("session-bar");
  if (!manager || !bar) return;

  const text = document.getElementById("session-text");
  const note = document.getElementById("session-note");
  const progress = document.getElementById("session-progress");
  const extend = document.querySelector("#extend-form button");
  const warnBelow = 300; // seconds

  // A guest has no account, and is not told of one.
  if (!document.querySelector('meta[name="satra-principal"]').content) {
    manager.setWords({
      warning: "You have not been active for a while. Your session will soon end, and its watchlist and theme with it.",
      limit: "It reaches its longest duration and cannot be extended. Its watchlist and theme end with it.",
      stay: "Keep this session",
      leave: "End session",
    });
  }

  const pad = (n) => String(n).padStart(2, "0");
  const clock = (seconds) => {
    const h = Math.floor(seconds / 3600), m = Math.floor(seconds / 60) % 60, s = seconds % 60;
    return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${pad(m)}:${pad(s)}`;
  };

  const show = () => {
    const { session } = manager;
    const left = manager.remainingSeconds();
    if (!session || left === Infinity) return;
    bar.dataset.remaining = left;
    text.textContent = session.extendable
      ? `Session ends in ${clock(left)} unless you use it`
      : `Session ends in ${clock(left)}: its longest duration`;
    progress.value = Math.min(left, progress.max);
    bar.classList.toggle("warn", left <= warnBelow);
    extend.disabled = !session.extendable;
  };

  // act sends a form by the manager, and says so if the server has not
  // confirmed: the page still shows what holds.
  const act = (id, send, confirmed) => {
    const form = document.getElementById(id);
    let busy = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      note.textContent = "";
      const ok = await send().catch(() => false);
      busy = false;
      if (ok) confirmed();
      else if (!over) note.textContent = "The server has not confirmed this. Please try again.";
    });
  };
  act("extend-form", () => manager.extendSession(), () => {
    note.textContent = "Your session was extended.";
    show();
  });
  act("end-form", () => manager.clearSession(), () => window.location.assign("/ended"));

  // The manager's dialog tells why, and a reload brings the page that does. What
  // stays behind the dialog must not look alive.
  let over = false;
  const stop = (words) => {
    over = true;
    clearInterval(counting);
    clearInterval(refreshing);
    text.textContent = words;
    note.textContent = "";
    progress.value = 0;
    delete bar.dataset.remaining;
    bar.classList.add("over");
    for (const button of document.querySelectorAll("main button, .bar button")) button.disabled = true;
  };
  window.addEventListener("sessionExpired", () => stop("This session has ended"));
  window.addEventListener("sessionChanged", () => stop("This page belongs to an earlier session"));

  const market = async () => {
    if (document.hidden || over) return;
    try {
      const response = await manager.fetch("/market", { background: true, headers: { Accept: "application/json" } });
      if (!response.ok) return;
      const status = await response.json();
      const put = (id, value) => { document.getElementById(id).textContent = value; };
      put("market-short", `NSE ${status.short}`);
      put("market-phase", status.phase);
      put("market-detail", status.detail);
      put("market-next", status.next);
      put("market-asof", status.as_of);
      document.getElementById("market").className = `card market market-${status.class}`;
      document.getElementById("market-pill").className = `pill pill-${status.class}`;
      document.querySelectorAll("#market .hours div").forEach((row, i) => {
        row.classList.toggle("now", Boolean(status.hours?.[i]?.now));
      });
    } catch {
      // Offline: the time that the status is of stays on the page.
    }
  };
  document.addEventListener("visibilitychange", market);

  const counting = setInterval(show, 1000);
  const refreshing = setInterval(market, 20000);
  for (const event of ["sessionExtended", "sessionRestored"]) window.addEventListener(event, show);
})();
