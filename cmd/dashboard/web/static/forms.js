// A form is sent once: a second click while the answer is on its way does not
// send it again. Everything works without this script, too.
"use strict";
for (const form of document.querySelectorAll("form[data-once]")) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; }); // the page came back from the browser's memory
}
