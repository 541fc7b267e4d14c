// When the session ends, on this page's monotonic clock. The server's times are
// compared with the server's only, so it does not matter how wrong the wall
// clock of this machine is.

// An answer this much older than the newest one is not a late one: the server's
// clock was put back. No request takes longer.
const latest = 10_000;

export class Deadline {
  constructor(env) {
    this.env = env;
    this.clear();
  }

  clear() {
    this.endsAt = Infinity;
    this.best = Infinity; // the shortest round trip so far
    this.offset = 0; // server's time less the monotonic clock, at that trip
    this.told = -Infinity; // the server's time in the newest answer
    this.mark();
  }

  // take reads the end from an answer, and reports whether it was news. The
  // server told its time somewhere between asking and answer: the shorter the
  // trip, the better it is known. An offset that this trip proves wrong moves
  // as far as it must: it was a guess, or a clock was set or runs too fast.
  take(session, asked, answered) {
    const told = Date.parse(session.now);
    const late = this.told - told;
    if (late > 0 && late < latest) return false; // overtaken by a newer answer
    this.told = told;
    const trip = answered - asked;
    if (trip <= this.best) {
      this.best = trip;
      this.offset = told - (asked + answered) / 2;
    }
    this.offset = Math.min(told - asked, Math.max(told - answered, this.offset));
    this.endsAt = session.expires_at === null ? Infinity : this.here(session.expires_at);
    return true;
  }

  // here is a time of the server's on this page's clock.
  here(time) {
    return Date.parse(time) - this.offset;
  }

  // left is the time to the end in milliseconds, never negative.
  left() {
    return Math.max(0, this.endsAt - this.env.now());
  }

  mark() {
    this.wall = this.env.wall();
    this.mono = this.env.now();
  }

  // slept reports that the wall clock has moved otherwise than the monotonic
  // one since the last look: the machine was asleep, and nothing known here is
  // certain any more.
  slept() {
    const jump = Math.abs((this.env.wall() - this.wall) - (this.env.now() - this.mono));
    this.mark();
    if (jump <= 2000) return false;
    this.best = Infinity;
    return true;
  }
}
