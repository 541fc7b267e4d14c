// The dialog that warns before the end, and says afterwards why: accessible,
// without inline style or script, in words that a page can replace.

export const words = {
  title: "Are you still there?",
  warning: "You have not been active for a while. To protect your account, you will soon be signed out.",
  limitTitle: "Your session ends soon",
  limit: "It reaches its longest duration and cannot be extended. Save your work, then sign in again.",
  stay: "Stay signed in",
  ok: "Continue working",
  leave: "Sign out",
  left: "{time} left",
  failed: "The server has not confirmed. Please try again.",
  checking: "Checking with the server…",
  sessionExpired: "Your session has ended",
  sessionChanged: "Your session has changed",
  changed: "Somebody has signed in or out in another tab.",
  reload: "Reload the page",
  // By the reason of an end; for others the server's message is shown.
  reasons: {
    idle: "You have not been active for a while.",
    lifetime: "It has reached its longest duration.",
    signed_out: "You have signed out.",
    signed_out_elsewhere: "You have signed out on another device.",
    limit: "You have signed in on too many devices.",
    administrator: "An administrator has ended it.",
    stolen: "To protect your account: somebody else may have used it.",
    disabled: "Your account has been disabled.",
  },
  // time tells seconds as "4 minutes 5 seconds".
  time(seconds) {
    const say = (n, unit) => (n ? [`${n} ${unit}${n === 1 ? "" : "s"}`] : []);
    return [...say(Math.floor(seconds / 60), "minute"), ...say(seconds % 60, "second")].join(" ") || "0 seconds";
  },
};

function make(tag, name, attributes) {
  const element = document.createElement(tag);
  element.className = element.id = `satra-${name}`;
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  return element;
}

export class Dialog {
  constructor(client, texts) {
    this.client = client;
    this.env = client.env;
    this.words = words;
    this.say(texts);
  }

  say(texts) {
    this.words = { ...this.words, ...texts, reasons: { ...this.words.reasons, ...texts?.reasons } };
  }

  // warn opens the dialog, or puts an open one in other words; extendable
  // decides what there is to do.
  warn(extendable) {
    const w = this.words;
    if (this.element && this.extendable === extendable) return;
    this.extendable = extendable;
    this.build();
    this.fill(...(extendable ? [w.title, w.warning, w.stay] : [w.limitTitle, w.limit, w.ok]), w.leave);
    this.choose = (what = "stay") => {
      if (what === "stay" && !extendable) this.close();
      else this.act(what);
    };
    this.total = this.client.deadline.left();
    this.announced = Infinity;
    this.show();
    this.tick();
  }

  // over says that the session has ended or is another's. All that can be done
  // here is to load the page again.
  over(name, { reason, message }) {
    const w = this.words;
    const text = name === "sessionChanged" ? w.changed : w.reasons[reason] ?? message;
    // A dialog that opens is read out anyway.
    const say = this.element ? `${w[name]}. ${text}` : "";
    this.build();
    this.env.clearTimeout(this.timer);
    this.fill(w[name], text, w.reload);
    this.clock.hidden = true;
    this.spoken.textContent = say;
    // Esc does not load the page: what was typed there would be gone.
    this.choose = (what) => what && window.location.reload();
    this.show();
  }

  build() {
    if (this.element) return;
    this.element = make("dialog", "dialog", {
      role: "alertdialog", "aria-labelledby": "satra-title", "aria-describedby": "satra-text satra-spoken",
    });
    this.title = make("h2", "title");
    this.text = make("p", "text");
    // The countdown is for the eyes: read out each second it would be noise.
    this.clock = make("div", "clock", { "aria-hidden": "true" });
    this.digits = make("span", "digits");
    this.bar = make("progress", "bar");
    this.clock.append(this.digits, this.bar);
    this.spoken = make("p", "spoken", { "aria-live": "assertive" });
    this.note = make("p", "note", { role: "status" });
    this.first = make("button", "first", { type: "button" });
    this.second = make("button", "second", { type: "button" });
    const row = make("div", "actions");
    row.append(this.first, this.second);
    this.element.append(this.title, this.text, this.clock, this.spoken, this.note, row);

    this.first.addEventListener("click", () => this.choose("stay"));
    this.second.addEventListener("click", () => this.choose("leave"));
    // Esc means stay. The key is taken before the browser sees it, because a
    // second Esc would close the dialog without asking; cancel is for the ways
    // of closing that are no key, and where they do not ask it opens again.
    const { element } = this;
    const escape = (event) => {
      event.preventDefault();
      this.choose();
    };
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") escape(event);
    });
    element.addEventListener("cancel", escape);
    element.addEventListener("close", () => {
      if (this.element === element) this.show();
    });
  }

  fill(title, text, first, second = "") {
    this.title.textContent = title;
    this.text.textContent = text;
    this.note.textContent = "";
    this.first.textContent = first;
    this.second.textContent = second;
    this.second.hidden = !second;
    this.clock.hidden = false;
    this.wait(false);
  }

  show() {
    if (!this.element.isConnected) document.body.append(this.element);
    if (!this.element.open) this.element.showModal();
    this.first.focus();
  }

  close() {
    this.env.clearTimeout(this.timer);
    const { element } = this;
    if (!element) return;
    this.element = null;
    element.close(); // which gives the focus back
    element.remove();
  }

  // act does what was chosen. It is not the click that closes the dialog but
  // the server's word: see Monitor.take.
  async act(what) {
    if (this.busy) return;
    const { element, client } = this;
    this.wait(true);
    this.note.textContent = "";
    const confirmed = await (what === "stay" ? client.extendSession() : client.clearSession());
    if (confirmed && what === "leave") window.location.reload();
    if (this.element !== element) return; // closed meanwhile
    this.wait(false);
    if (!confirmed) this.note.textContent = this.words.failed;
  }

  // wait marks the buttons as not to be used. They are not disabled, or the
  // focus would be lost.
  wait(busy) {
    this.busy = busy;
    for (const button of [this.first, this.second]) button.setAttribute("aria-disabled", busy);
  }

  // tick shows the time each second, and has it announced each minute, in the
  // last minute every 20 seconds.
  tick() {
    this.env.clearTimeout(this.timer);
    const ms = this.client.deadline.left();
    const left = Math.ceil(ms / 1000);
    const two = (n) => String(n).padStart(2, "0");
    this.digits.textContent = `${Math.floor(left / 60)}:${two(left % 60)}`;
    this.bar.max = this.total || 1;
    this.bar.value = ms;
    const step = left > 60 ? 60 : 20;
    const mark = Math.ceil(left / step) * step;
    if (mark < this.announced) {
      this.announced = mark;
      // The first time is told as it is, and a late timer's too.
      const told = this.words.time(mark - left < 3 ? mark : left);
      this.spoken.textContent = left ? this.words.left.replace("{time}", told) : this.words.checking;
      if (!left) this.note.textContent = this.words.checking;
    }
    this.timer = this.env.setTimeout(() => this.tick(), ms % 1000 || 1000);
  }
}
