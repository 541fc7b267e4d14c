// What a person does on the page. Events that scripts make do not count, nor
// does scrolling, which scripts cause.

const kinds = ["pointerdown", "keydown", "wheel", "touchstart"];

// watchActivity calls seen at most once a second while somebody is there, until
// signal is aborted.
export function watchActivity(env, signal, seen) {
  let last = -Infinity;
  const heard = (event) => {
    const now = env.now();
    if (!event.isTrusted || now - last < 1000) return;
    last = now;
    seen(now);
  };
  for (const kind of kinds) window.addEventListener(kind, heard, { capture: true, passive: true, signal });
}
