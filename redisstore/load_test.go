package redisstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// A load is workers that begin sessions, sign in, write, read and end them, until
// it is stopped, and what the store acknowledged to them.
type load struct {
	k       *kit
	shards  []int // where the sessions are
	lossy   bool  // a server may forget what it has acknowledged
	working sync.WaitGroup

	mu          sync.Mutex
	moved       sync.Cond // succeeded has grown, or patience has ended
	stopped     bool
	succeeded   int
	sessions    []*track
	unavailable map[string]int // by kind of call: what was answered ErrUnavailable
	forgotten   int            // calls that did not find what was acknowledged
	wrong       []error        // what no trouble of a server explains
}

// A track is one session, which only its worker changes.
type track struct {
	id            satra.ID
	principal     string
	version       uint64 // after what was acknowledged
	unknown       uint64 // changes that may have been made
	ended, ending bool   // an end was acknowledged; one was asked for
}

// newLoad begins with four workers, each with a principal of its own.
func newLoad(k *kit, lossy bool, shards ...int) *load {
	k.Helper()
	l := &load{k: k, lossy: lossy, shards: shards, unavailable: map[string]int{}}
	l.moved.L = &l.mu
	for w := range 4 {
		l.working.Go(func() { l.work(principalIn(shards[w*len(shards)/4])) })
	}
	k.Cleanup(l.stop)
	l.goesOn(500)
	return l
}

// principalIn returns a name whose hash is in the shard.
func principalIn(shard int) string {
	for n := 0; ; n++ {
		if name := fmt.Sprint("somebody-", n); shardOfName(name) == shard {
			return name
		}
	}
}

// goesOn returns when so many more calls have succeeded.
func (l *load) goesOn(calls int) {
	l.k.Helper()
	late := false
	patience := time.AfterFunc(time.Minute, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		late = true
		l.moved.Broadcast()
	})
	defer patience.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for until := l.succeeded + calls; l.succeeded < until && !late; {
		l.moved.Wait()
	}
	if late {
		l.k.Fatalf("within a minute %d calls have not succeeded; unavailable: %v", calls, l.unavailable)
	}
}

func (l *load) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.working.Wait()
}

// work keeps ten sessions and goes round them.
func (l *load) work(principal string) {
	mine := make([]*track, 10)
	for n := 0; !l.over(); n++ {
		i := n % len(mine)
		switch t := mine[i]; {
		case t == nil || t.ending:
			mine[i] = l.begin(principal, l.shards[n%len(l.shards)])
		case n%490 < len(mine): // each has lived through some changes
			l.end(t)
		case n%3 == 0:
			l.read(t)
		default:
			l.write(t, n)
		}
	}
}

func (l *load) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// note counts a call and reports whether it was acknowledged.
func (l *load) note(kind string, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.succeeded++
		l.moved.Broadcast()
	case errors.Is(err, satra.ErrUnavailable):
		l.unavailable[kind]++
	case l.lossy && errors.Is(err, satra.ErrNotFound):
		l.forgotten++
	default:
		l.wrong = append(l.wrong, fmt.Errorf("%s: %w", kind, err))
	}
	return err == nil
}

// begin returns a session that is signed in, or nil.
func (l *load) begin(principal string, shard int) *track {
	r := &satra.Record{
		Generation: 1, Version: 1, Created: l.k.now, Begun: l.k.now, Seen: l.k.now, Idle: time.Hour, Lifetime: 12 * time.Hour,
	}
	rand.Read(r.ID[:])
	r.ID[0] = byte(4 * shard)
	if !l.note("create", l.k.Create(l.k.Context(), r)) {
		return nil
	}
	state, err := l.k.Principal(l.k.Context(), principal)
	if !l.note("epoch", err) {
		return nil
	}
	c := &satra.Change{At: l.k.now, Return: true, SignIn: &satra.Binding{Principal: principal, Epoch: state.Epoch}}
	result, err := l.k.Apply(l.k.Context(), r.ID, c)
	if !l.note("sign-in", err) {
		return nil
	}
	t := &track{id: r.ID, principal: principal, version: result.Record.Version}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = append(l.sessions, t)
	return t
}

func (l *load) write(t *track, n int) {
	c := &satra.Change{At: l.k.now, Set: []satra.Value{{Key: "n", Data: []byte(strconv.Itoa(n))}}}
	_, err := l.k.Apply(l.k.Context(), t.id, c)
	switch {
	case l.note("change", err):
		t.version++
	case errors.Is(err, satra.ErrNotFound):
		t.ending = true // there is no more to do with it
	default:
		t.unknown++
	}
}

func (l *load) read(t *track) {
	r, err := l.k.Find(l.k.Context(), t.id, satra.Fresh)
	if l.note("find", err) && (r.Ended != nil || r.Version < t.version && !l.lossy || r.Version > t.version+t.unknown) {
		l.note("find", fmt.Errorf("version %d, ended %v, want version %d and %d of unknown outcome", r.Version, r.Ended != nil, t.version, t.unknown))
	}
}

// end ends the session, and looks that nothing is changed any more.
func (l *load) end(t *track) {
	t.ending = true
	c := &satra.Change{At: l.k.now, End: &satra.End{At: l.k.now, Reason: satra.ReasonSignedOut}}
	if _, err := l.k.Apply(l.k.Context(), t.id, c); !l.note("end", err) {
		return
	}
	t.ended = true
	_, err := l.k.Apply(l.k.Context(), t.id, &satra.Change{At: l.k.now, Delete: []string{"n"}})
	if errors.Is(err, satra.ErrEnded) {
		err = nil
	} else if err == nil && !l.lossy {
		err = errors.New("a change of an ended session was made")
	}
	l.note("change after an end", err)
}

// A loss is what became of acknowledged things, one number for each kind of loss.
type loss struct{ sessions, changes, revived, unlisted int }

// judge stops the load and holds what is kept of some sessions against what was
// acknowledged.
func (l *load) judge(what string, some func(*track) bool) (lost loss) {
	l.k.Helper()
	l.stop()
	for _, err := range l.wrong {
		l.k.Errorf("%v", err)
	}
	l.wrong = nil
	n, listed := 0, map[string]map[satra.ID]bool{}
	for _, t := range l.sessions {
		if !some(t) {
			continue
		}
		n++
		if listed[t.principal] == nil {
			listed[t.principal] = l.k.live(t.principal)
		}
		live := l.judgeOne(t, &lost)
		if live != listed[t.principal][t.id] {
			lost.unlisted++
		}
	}
	l.k.Logf("%s: %d calls, %d sessions; unavailable %v, not found %d; lost %+v", what, l.succeeded, n, l.unavailable, l.forgotten, lost)
	return lost
}

func (l *load) judgeOne(t *track, lost *loss) (live bool) {
	l.k.Helper()
	r, err := l.k.Find(l.k.Context(), t.id, satra.Fresh)
	switch {
	case errors.Is(err, satra.ErrNotFound):
		lost.sessions++
		return false
	case err != nil:
		l.k.Errorf("Find: %v", err)
		return false
	case r.Ended != nil && !t.ending:
		l.k.Errorf("nobody has ended a session, and it has ended: %s", r.Ended.Reason)
	case r.Ended == nil && t.ended:
		lost.revived++
	case r.Ended == nil && r.Version < t.version:
		lost.changes += int(t.version - r.Version)
	case r.Ended == nil && r.Version > t.version+t.unknown:
		l.k.Errorf("a change was made twice: version %d, want %d at most", r.Version, t.version+t.unknown)
	}
	return r.Ended == nil
}

// all is every session.
func all(*track) bool { return true }
