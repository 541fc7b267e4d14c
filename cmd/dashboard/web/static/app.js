// The dashboard's own script: the countdown in the session bar, the forms that
// need no page load, and a refresh of the market's status that never counts as
// activity. Everything on the page works without it, too.
"use strict";
(() => {
  const manager = window.sessionManager;
  const bar = document.getElementById("session-bar");
  if (!manager || !bar) return;

  const text = document.getElementById("session-text");
  const progress = document.getElementById("session-progress");
  const warnBelow = 300;

  // The end of the session on this page's own monotonic clock, in
  // milliseconds: the server's times are compared with the server's only.
  let endsAt = Infinity;
  let extendable = true;
  let leaving = false;

  const take = (session) => {
    if (!session) return;
    extendable = session.extendable;
    endsAt = session.expires_at === null
      ? Infinity
      : performance.now() + (Date.parse(session.expires_at) - Date.parse(session.now));
    document.querySelector("#extend-form button").disabled = !extendable;
    show();
  };

  const pad = (n) => String(n).padStart(2, "0");
  const clock = (seconds) => {
    const h = Math.floor(seconds / 3600), m = Math.floor(seconds / 60) % 60, s = seconds % 60;
    return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${pad(m)}:${pad(s)}`;
  };

  const show = () => {
    if (leaving || endsAt === Infinity) return;
    const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
    bar.dataset.remaining = left;
    text.textContent = extendable
      ? `Session ends in ${clock(left)} unless you use it`
      : `Session ends in ${clock(left)}: its longest duration`;
    progress.value = Math.min(left, progress.max);
    bar.classList.toggle("warn", left <= warnBelow);
  };

  const refresh = async () => take(await manager.refreshSessionInfo().catch(() => null));

  // The server tells why, on the page that this load brings.
  const leave = (to) => {
    if (leaving) return;
    leaving = true;
    if (to) window.location.assign(to);
    else window.location.reload();
  };

  const onSubmit = (id, act) => {
    const form = document.getElementById(id);
    const button = form.querySelector("button");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        await act();
      } catch {
        form.submit(); // without the script's help the server says what is wrong
      } finally {
        button.disabled = id === "extend-form" && !extendable;
      }
    });
  };
  onSubmit("extend-form", async () => {
    if (!await manager.extendSession()) throw new Error("not extended");
    await refresh();
  });
  onSubmit("end-form", async () => {
    if (!await manager.clearSession()) throw new Error("not ended");
    leave("/ended");
  });

  window.addEventListener("sessionExpired", () => leave());
  window.addEventListener("sessionChanged", () => leave());
  for (const event of ["sessionExtended", "sessionRestored"]) {
    window.addEventListener(event, () => { refresh(); });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });

  const market = async () => {
    if (document.hidden || leaving) return;
    try {
      const response = await manager.fetch("/market", { background: true, headers: { Accept: "application/json" } });
      if (!response.ok) return;
      const status = await response.json();
      for (const [id, value] of Object.entries({
        "market-short": `NSE ${status.short}`, "market-phase": status.phase, "market-detail": status.detail,
        "market-next": status.next, "market-asof": status.as_of,
      })) {
        document.getElementById(id).textContent = value;
      }
      document.getElementById("market").className = `card market market-${status.class}`;
      document.getElementById("market-pill").className = `pill pill-${status.class}`;
    } catch {
      // Offline: the time that the status is of stays on the page.
    }
  };

  refresh();
  setInterval(show, 1000);
  setInterval(market, 20000);
})();
