package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

// RingOptions of a [Ring]. The zero value is a good choice.
type RingOptions struct {
	// Now is the clock by which keys become active. Default time.Now.
	Now func() time.Time

	// ReloadEvery is how often the keys are read anew. Default 1 minute.
	ReloadEvery time.Duration

	// Problem is called when the keys could not be read anew. The ring goes on
	// with those that it has. It must not block. Default: nobody is told.
	Problem func(error)
}

const (
	defaultReload = time.Minute
	loadTimeout   = 10 * time.Second // of one attempt to read the keys
	retryAfter    = time.Second      // between two attempts for unknown keys
	patience      = time.Second      // of a request that waits for such an attempt
)

// A Ring is the keys that seal and open: it seals with the newest key that is
// active, and opens with all. It is safe for concurrent use.
//
// The keys are read anew every minute, and when something is met that was
// sealed with a key which is not there, at most once a second. So a new key that
// becomes active ten minutes after it was made, as those of [AddKey] do, is
// known to every node before one of them seals with it.
type Ring struct {
	source  Source
	now     func() time.Time
	problem func(error)

	loading sync.Mutex // held while keys is replaced
	keys    atomic.Pointer[keySet]

	mu      sync.Mutex    // guards the rest
	running chan struct{} // closed when the attempt under way is over; nil: none is
	tried   time.Time     // when the last attempt for unknown keys began

	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup
}

// Open reads the keys and returns their ring. nil options are the defaults. All
// problems with the keys come at once, joined; none of them tells a key.
func Open(ctx context.Context, source Source, o *RingOptions) (*Ring, error) {
	if source == nil {
		return nil, errors.New("seal: Open: no source of keys; File, Env and Command are some")
	}
	if o == nil {
		o = &RingOptions{}
	}
	r := &Ring{source: source, now: o.Now, problem: o.Problem}
	if r.now == nil {
		r.now = time.Now
	}
	every := o.ReloadEvery
	if every == 0 {
		every = defaultReload
	}
	if every < time.Second {
		return nil, fmt.Errorf("seal: Open: ReloadEvery is %v, want at least 1s, or 0 for 1 minute", o.ReloadEvery)
	}
	secret := make([]byte, secretSize)
	rand.Read(secret)
	r.keys.Store(&keySet{substitute: newPRF(secret)})
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.done.Go(func() { r.reload(every) })
	return r, nil
}

// Close ends what Open began, and waits for it. A ring that is closed still
// seals and opens, with the keys that it has. Close may be called again.
func (r *Ring) Close() {
	r.mu.Lock()
	r.stop()
	r.mu.Unlock()
	r.done.Wait()
}

// Keys tells of the keys that the ring has, in the order in which they become
// active. It has none of those that are retired.
func (r *Ring) Keys() []KeyInfo {
	var all []KeyInfo
	now := r.now()
	for _, k := range r.keys.Load().keys {
		if !k.info.retired(now) {
			all = append(all, k.info)
		}
	}
	slices.SortFunc(all, func(a, b KeyInfo) int {
		if a.later(b) {
			return 1
		}
		return -1
	})
	return all
}

// Format prints what it is.
func (r *Ring) Format(w fmt.State, _ rune) { io.WriteString(w, "[key ring]") }

// errNoKey is an outage like that of a store: a session cannot be saved.
var errNoKey = fmt.Errorf("seal: no key is active: %w", satra.ErrUnavailable)

// sealing returns the key that seals now.
func (r *Ring) sealing() (*key, error) {
	if k := r.keys.Load().sealing(r.now()); k != nil {
		return k, nil
	}
	return nil, errNoKey
}

// keysFor returns the keys, read anew if the record needs one that is not
// among them.
func (r *Ring) keysFor(ctx context.Context, rec *satra.Record) *keySet {
	set := r.keys.Load().at(r.now())
	if set.knows(rec) || !r.askAgain(ctx) {
		return set
	}
	return r.keys.Load().at(r.now())
}

// askAgain reads the keys anew, unless that was done within the last second,
// and reports whether it was. It waits for it no longer than a request may.
func (r *Ring) askAgain(ctx context.Context) bool {
	r.mu.Lock()
	running := r.running
	if running == nil {
		now := r.now()
		if r.ctx.Err() != nil || !r.tried.IsZero() && now.Sub(r.tried) < retryAfter {
			r.mu.Unlock()
			return false
		}
		r.tried = now
		running = make(chan struct{})
		r.running = running
		r.done.Go(func() {
			r.tell(r.load(r.ctx))
			r.mu.Lock()
			r.running = nil
			r.mu.Unlock()
			close(running)
		})
	}
	r.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-running:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// reload reads the keys anew until the ring is closed.
func (r *Ring) reload(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticker.C:
			r.tell(r.load(r.ctx))
		}
	}
}

func (r *Ring) tell(err error) {
	if err != nil && r.problem != nil && r.ctx.Err() == nil {
		r.problem(fmt.Errorf("seal: the keys could not be read anew, those from before go on: %w", err))
	}
}

// load reads the keys. If they are not as they should be, the ring keeps those
// that it has.
func (r *Ring) load(ctx context.Context) error {
	r.loading.Lock() // so that what was read last is what stays
	defer r.loading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	text, err := r.source.Keys(ctx)
	if err != nil {
		return err
	}
	doc, err := parseDocument(text)
	if err != nil {
		return fmt.Errorf("seal: %s: %w", r.source, err)
	}
	set := &keySet{substitute: r.keys.Load().substitute}
	now := r.now()
	for _, e := range doc.entries {
		if e.info.retired(now) || e.secret.empty() {
			set.gone = append(set.gone, e.info.ID)
			continue
		}
		k, err := newKey(e.info, e.secret)
		if err != nil {
			return err
		}
		set.keys = append(set.keys, k)
	}
	if set.sealing(now) == nil {
		return fmt.Errorf("seal: %s: no key is active now (satra keys new -active-in 0s makes one)", r.source)
	}
	r.keys.Store(set)
	return nil
}

// A keySet is the keys as they were read, and does not change.
type keySet struct {
	keys       []*key
	gone       []KeyID // of keys that are retired: nobody need ask for them again
	substitute *prf    // makes the seeds that stand for those which cannot be opened
}

// find returns the key of that ID, or nil.
func (s *keySet) find(id KeyID) *key {
	for _, k := range s.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// sealing returns the key that seals at that time, or nil.
func (s *keySet) sealing(at time.Time) (newest *key) {
	for _, k := range s.keys {
		if k.info.active(at) && (newest == nil || k.info.later(newest.info)) {
			newest = k
		}
	}
	return newest
}

// at returns the keys that are not retired at that time: mostly all.
func (s *keySet) at(now time.Time) *keySet {
	retired := func(k *key) bool { return k.info.retired(now) }
	if !slices.ContainsFunc(s.keys, retired) {
		return s
	}
	left := &keySet{gone: slices.Clone(s.gone), substitute: s.substitute}
	for _, k := range s.keys {
		if retired(k) {
			left.gone = append(left.gone, k.id)
		} else {
			left.keys = append(left.keys, k)
		}
	}
	return left
}

// knows reports whether the ring need not be read anew for what the record
// names: each key is there, or gone for good.
func (s *keySet) knows(rec *satra.Record) bool {
	for _, v := range rec.Values {
		if isSealed(v.Data) && !s.knowsKey(keyOf(v.Data)) {
			return false
		}
	}
	if !s.knowsSeed(&rec.Seed) {
		return false
	}
	for i := range rec.Retired {
		if seed := rec.Retired[i].Seed; seed != nil && !s.knowsSeed(seed) {
			return false
		}
	}
	return true
}

func (s *keySet) knowsSeed(seed *satra.Seed) bool {
	return plainSeed(*seed) || s.knowsKey(KeyID(seed[:idSize]))
}

func (s *keySet) knowsKey(id KeyID) bool { return s.find(id) != nil || slices.Contains(s.gone, id) }
