// Shows at once what happens to the session elsewhere: that it was ended from
// another device, extended, or is near its end. One visible tab of the browser
// listens to the server's events and tells the others; what there is to know they
// all ask the server itself, so that nothing which was missed or comes twice
// matters.
//
// Over HTTP/1.1 a browser has six connections to a host for all of its tabs, and a
// stream takes one for as long as it is open: there polling has to do, and without
// locks or a way from tab to tab as well.

const again = 30_000; // before a stream that was refused is asked for anew

const multiplexed = () => /^h[23]/.test(performance.getEntriesByType("navigation")[0]?.nextHopProtocol ?? "");

// watchLive listens for a client that has been started, until the function that
// it returns is called or the client is destroyed.
export function watchLive(manager, { force = false } = {}) {
  const { locks } = navigator;
  if (!locks || !window.BroadcastChannel || !window.EventSource || !(force || multiplexed())) return () => {};
  const name = `satra-live ${manager.base}`;
  const ended = new AbortController();
  const channel = new BroadcastChannel(name);
  const ask = () => {
    if (!manager.done) manager.refreshAfter().catch(() => {});
  };
  channel.onmessage = ({ data }) => {
    if (data?.version === 1) ask();
  };

  // listen resolves when this tab has no more use for the stream. One that has come
  // to its end, or was refused (there is no session, or there are too many
  // streams), is not asked for anew by another tab either, for a while.
  const listen = (signal) => new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const source = new EventSource(`${manager.base}/events`);
    let timer;
    const rest = () => {
      source.close();
      timer = setTimeout(resolve, again * (1 + Math.random()));
    };
    for (const kind of ["state", "extended", "expiring", "ended"]) {
      source.addEventListener(kind, () => {
        ask();
        channel.postMessage({ version: 1 });
        if (kind === "ended") rest();
      });
    }
    // Anything but a refusal the browser opens anew by itself.
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) rest();
    };
    signal.addEventListener("abort", () => {
      source.close();
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });

  let turn; // of a tab that can be seen
  const take = async () => {
    const mine = turn = new AbortController(), { signal } = mine;
    while (!signal.aborted && !manager.done) {
      await locks.request(name, { signal }, () => listen(signal)).catch(() => {
        mine.abort(); // there are no locks to be had here, or the tab was hidden
      });
    }
    if (turn?.signal === signal) turn = null;
  };
  const seen = () => {
    if (document.hidden) turn?.abort();
    else if (!turn || turn.signal.aborted) take();
  };
  const stop = () => {
    ended.abort();
    turn?.abort();
    channel.close();
  };
  document.addEventListener("visibilitychange", seen, { signal: ended.signal });
  window.addEventListener("pagehide", () => turn?.abort(), { signal: ended.signal });
  window.addEventListener("pageshow", seen, { signal: ended.signal });
  manager.gone.signal.addEventListener("abort", stop, { once: true });
  seen();
  return stop;
}
