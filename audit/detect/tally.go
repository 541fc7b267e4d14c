package detect

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/satra-sessions/satra/audit"
)

// The window of every rule that counts slides in steps. What falls into the step that
// is under way, and into as many before it as make a window, is counted: nothing that
// comes within a window goes unseen, wherever its borders are, and nothing is counted
// together that is more than a window and a step apart.
const (
	window = 10 * time.Minute
	step   = 2 * time.Minute
	kept   = int64(window/step) + 1
)

// A tally counts within the window, and says when there are as many as are too many.
type tally struct {
	parts []part // those of the window, the oldest first; of most keys there is one
	names []name // told apart, those that were heard within the window
	told  int64  // the step in which it was told last; 0 if never
	next  int    // how many it is told at next
}

// A part is what was counted in a step.
type part struct {
	step  int64 // since 1970
	count int
	first EntryRef
}

// A name is 56 bits of its hash, and the 8 low ones of the step it was last heard in.
// The hash has a key, so that nobody can choose names that count as one.
type name uint64

var seed = maphash.MakeSeed()

// add counts n more, and returns how many there are within the window.
func (t *tally) add(e audit.Entry, n int) int {
	p := t.turn(e)
	p.count += n
	return t.count(p.step)
}

// addName counts something that is told from others by its name, and returns how many
// names there are within the window: up to most, beyond which none is remembered.
func (t *tally) addName(e audit.Entry, s string, most int) int {
	p := t.turn(e)
	p.count++
	n := name(maphash.String(seed, s)<<8) | name(p.step&0xff)
	if i := slices.IndexFunc(t.names, func(other name) bool { return other>>8 == n>>8 }); i >= 0 {
		t.names[i] = n
	} else if len(t.names) < most {
		t.names = append(t.names, n)
	}
	return len(t.names)
}

// count returns how many there are in the window that ends with a step.
func (t *tally) count(now int64) (all int) {
	for _, p := range t.parts {
		if now-p.step < kept {
			all += p.count
		}
	}
	return all
}

// tell reports whether count is as many as are too many, and is true once for it: again
// at ten times as many, and so on, and when nothing that it was told of is within the
// window any more.
func (t *tally) tell(count, most int) bool {
	now := t.parts[len(t.parts)-1].step
	if t.next == 0 || now-t.told >= kept {
		t.next = most
	}
	if count < t.next {
		return false
	}
	for t.next <= count {
		t.next *= 10
	}
	t.told = now
	return true
}

// wasTold reports whether it was told of something that may go on.
func (t *tally) wasTold(at time.Time) bool { return t.told != 0 && stepOf(at)-t.told < kept }

// turn leaves out what is past, and returns the part that an entry counts in. One that
// is late counts in the newest, which is later than it by seconds; if it is later by
// more, its clock was wrong.
func (t *tally) turn(e audit.Entry) *part {
	now := stepOf(e.At)
	if n := len(t.parts); n > 0 && t.parts[n-1].step-now >= kept {
		*t = tally{}
	}
	gone := 0
	for gone < len(t.parts) && now-t.parts[gone].step >= kept {
		gone++
	}
	if gone > 0 {
		if t.parts = slices.Delete(t.parts, 0, gone); len(t.parts) == 0 {
			t.names = nil
		}
		t.names = slices.DeleteFunc(t.names, func(n name) bool { return int64(uint8(now)-uint8(n)) >= kept })
	}
	if n := len(t.parts); n == 0 || t.parts[n-1].step < now {
		t.parts = append(t.parts, part{step: now, first: refOf(e)})
	}
	return &t.parts[len(t.parts)-1]
}

func stepOf(at time.Time) int64 { return at.Unix() / int64(step/time.Second) }

// refs are the first entries of the parts.
func (t *tally) refs() []EntryRef {
	var all []EntryRef
	for _, p := range t.parts {
		all = append(all, p.first)
	}
	return all
}

// within says how long it took until now, in whole minutes. An entry that counts
// refusals together bears the time of their first, and they may have taken seconds.
func (t *tally) within(now time.Time) string {
	took := max(now.Sub(t.parts[0].first.At), 0) + 10*time.Second
	return spell((took + time.Minute - 1).Truncate(time.Minute))
}
