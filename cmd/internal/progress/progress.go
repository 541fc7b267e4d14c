// Package progress shows how far something is: as a bar that is drawn over and
// over on a terminal, as a line now and then in a file.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A Bar shows one task after the other. Its methods are for one goroutine.
type Bar struct {
	w        io.Writer
	terminal bool
	now      func() time.Time

	doing   string
	begun   time.Time
	shown   time.Time
	written int // columns of the bar that is on the screen
}

// New returns a bar on w, which it draws as on a terminal if w is one.
func New(w io.Writer) *Bar {
	b := &Bar{w: w, now: time.Now}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return b
}

// How often it is drawn, on a terminal and elsewhere.
const (
	redraw  = 100 * time.Millisecond
	rewrite = 5 * time.Second
)

// width is that of the bar itself.
const width = 24

// Show says what is being done, how far it is, from 0 to 1, and what there is to
// tell of it. What is done for the first time, and what is complete, is shown at
// once, all else not more often than can be read.
func (b *Bar) Show(doing string, done float64, note string) {
	now := b.now()
	if doing != b.doing {
		b.End()
		b.doing, b.begun, b.shown = doing, now, time.Time{}
	}
	every := rewrite
	if b.terminal {
		every = redraw
	}
	if done < 1 && now.Sub(b.shown) < every {
		return
	}
	b.shown = now
	done = min(max(done, 0), 1)
	if !b.terminal {
		fmt.Fprintf(b.w, "%s: %.0f %%, %s%s\n", doing, done*100, note, b.left(done, now))
		return
	}
	full := int(done * width)
	line := fmt.Sprintf("%s [%s%s] %3.0f %%  %s%s", doing, strings.Repeat("#", full), strings.Repeat(".", width-full), done*100, note, b.left(done, now))
	fmt.Fprintf(b.w, "\r%s%s", line, strings.Repeat(" ", max(0, b.written-len(line))))
	b.written = len(line)
}

// left says how long it will take from now on, once that can be told.
func (b *Bar) left(done float64, now time.Time) string {
	taken := now.Sub(b.begun)
	if done >= 1 {
		return ", " + taken.Round(time.Second/10).String()
	}
	if done < 0.02 || taken < time.Second {
		return ""
	}
	return ", " + time.Duration(float64(taken)*(1-done)/done).Round(time.Second).String() + " left"
}

// End leaves the bar as it is and goes on below it.
func (b *Bar) End() {
	if b.written > 0 {
		fmt.Fprintln(b.w)
		b.written = 0
	}
}
