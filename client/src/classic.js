// The classic script: it makes window.sessionManager and starts it, also when it
// is loaded late. data-base, data-origins (separated by spaces), data-warning
// (seconds), data-auto-extend="off" and data-dialog="off" on the script's tag
// are its options.

import { SessionManagerClient } from "./index.js";

const { base, origins, warning, autoExtend, dialog } = document.currentScript?.dataset ?? {};
window.SessionManagerClient = SessionManagerClient;
if (!window.sessionManager) {
  window.sessionManager = new SessionManagerClient({
    base,
    origins: origins?.split(" "),
    warningThreshold: warning,
    autoExtend: autoExtend !== "off",
    dialog: dialog !== "off",
  });
  const start = () => window.sessionManager.init();
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start, { once: true });
  else start();
}
