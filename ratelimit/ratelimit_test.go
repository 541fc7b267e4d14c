package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// A clock that a test moves.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(1_772_000_000, c.now.Load()) }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

func newLimiter(t testing.TB, b Backend, o Options) (*Limiter, *clock) {
	t.Helper()
	c := &clock{}
	o.Now = c.Now
	l, err := New(b, &o)
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

func take(t testing.TB, l *Limiter, key string, limit Limit) Result {
	t.Helper()
	r, err := l.Take(t.Context(), "test", key, limit)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestALimitIsExact(t *testing.T) {
	l, c := newLimiter(t, nil, Options{})
	limit := PerMinute(6) // one each ten seconds
	for left := 5; left >= 0; left-- {
		if r := take(t, l, "a", limit); !r.Allowed() || r.Left != left || r.Full != time.Duration(6-left)*10*time.Second {
			t.Fatalf("got %+v, want %d left", r, left)
		}
	}
	if r := take(t, l, "a", limit); r.Allowed() || r.Wait != 10*time.Second || r.Left != 0 {
		t.Errorf("one too many: got %+v, want to wait 10 s", r)
	}
	if r := take(t, l, "b", limit); !r.Allowed() {
		t.Errorf("another key: got %+v", r)
	}
	if r, err := l.Take(t.Context(), "another", "a", limit); err != nil || !r.Allowed() {
		t.Errorf("another limit of the same key: got %+v, %v", r, err)
	}
	c.advance(10*time.Second - 1)
	if r := take(t, l, "a", limit); r.Allowed() || r.Wait != 1 {
		t.Errorf("a nanosecond early: got %+v", r)
	}
	c.advance(1)
	if r := take(t, l, "a", limit); !r.Allowed() {
		t.Errorf("when it was told to: got %+v", r)
	}
	if r := take(t, l, "a", limit); r.Allowed() {
		t.Errorf("what was refused has counted, or what was allowed has not: got %+v", r)
	}
	c.advance(time.Hour)
	if r := take(t, l, "a", limit); r.Left != 5 {
		t.Errorf("after an hour: got %+v, want all there again and no more", r)
	}
}

func TestManyAtOnceGetNoMore(t *testing.T) {
	l, _ := newLimiter(t, nil, Options{})
	for round := range 50 {
		var allowed atomic.Int64
		var at sync.WaitGroup
		for range 40 {
			at.Go(func() {
				if take(t, l, fmt.Sprint(round), PerMinute(7)).Allowed() {
					allowed.Add(1)
				}
			})
		}
		at.Wait()
		if allowed.Load() != 7 {
			t.Fatalf("%d of 40 at once were allowed, want 7", allowed.Load())
		}
	}
}

// TestAFloodOfAddressesIsBounded holds the memory, and that a key which counts
// is not pushed out by keys that do not.
func TestAFloodOfAddressesIsBounded(t *testing.T) {
	l, c := newLimiter(t, nil, Options{Capacity: 1 << 12})
	for range 5 {
		take(t, l, "guessed at", PerMinute(5))
	}
	for i := range 200_000 {
		take(t, l, fmt.Sprint(i), PerMinute(5))
		if i%100 == 0 {
			c.advance(time.Microsecond)
		}
	}
	kept := 0
	for i := range l.memory.shards {
		kept += len(l.memory.shards[i].keys)
	}
	if kept > 1<<12 {
		t.Errorf("%d keys are kept, want at most %d", kept, 1<<12)
	}
	if r := take(t, l, "guessed at", PerMinute(5)); r.Allowed() {
		t.Error("a flood of addresses has given back what an account had used up")
	}
}

func TestWhatIsNoLimitIsRefused(t *testing.T) {
	l, _ := newLimiter(t, nil, Options{})
	for _, limit := range []Limit{{}, {1, 0}, {0, time.Minute}, {-1, time.Minute}, {1, -time.Minute}, {1 << 30, time.Second}} {
		if _, err := l.Take(t.Context(), "test", "a", limit); err == nil {
			t.Errorf("%+v: got no error", limit)
		}
	}
	if _, err := New(nil, &Options{Capacity: -1, WhenDown: 9}); err == nil || !strings.Contains(err.Error(), "Capacity") || !strings.Contains(err.Error(), "WhenDown") {
		t.Errorf("got %v, want both options named", err)
	}
}

// down is a back end that cannot be reached, and notes what it was asked.
type down struct{ keys []string }

func (d *down) TakeLimit(_ context.Context, key string, _ int, _ time.Duration) (int, time.Duration, time.Duration, error) {
	d.keys = append(d.keys, key)
	return 0, 0, 0, errors.New("connection refused")
}

func TestTheBackendIsDown(t *testing.T) {
	b := &down{}
	here, _ := newLimiter(t, b, Options{})
	for i := range 3 {
		if r := take(t, here, "alice@192.0.2.7", PerMinute(2)); r.Allowed() != (i < 2) {
			t.Errorf("counted here, the %d.: got %+v", i+1, r)
		}
	}
	for _, key := range b.keys {
		if len(key) != 24 || strings.Contains(key, "alice") || key != b.keys[0] {
			t.Errorf("the back end was asked for %q", key)
		}
	}
	forbids, _ := newLimiter(t, b, Options{WhenDown: Forbid})
	if _, err := forbids.Take(t.Context(), "test", "a", PerMinute(1)); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("forbidden: got error %v, want ErrUnavailable", err)
	}
	allows, _ := newLimiter(t, b, Options{WhenDown: Allow})
	for range 3 {
		if r := take(t, allows, "a", PerMinute(1)); !r.Allowed() {
			t.Errorf("allowed: got %+v", r)
		}
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::1": "2001:db8:1:2::/64", "2001:db8:1:3::1": "2001:db8:1:3::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Network(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	if got := Network(netip.Addr{}); got != "" {
		t.Errorf("unknown: got %q", got)
	}
}

func FuzzCell(f *testing.F) {
	f.Add(int64(0), int64(0), 5, int64(time.Minute))
	f.Add(int64(1)<<60, int64(3), 1, int64(time.Millisecond))
	f.Fuzz(func(t *testing.T, used, now int64, count int, per int64) {
		limit := Limit{count, time.Duration(per)}
		if limit.valid() != nil || used < 0 || now < 0 || used > 1<<61 || now > 1<<61 || per > 1<<61 {
			t.Skip()
		}
		next, left, wait, full := cell(used, now, limit)
		if left < 0 || left >= count || wait < 0 || full < 0 || wait == 0 && next <= now || wait > 0 && next != max(used, now) {
			t.Errorf("cell(%d, %d, %+v): next %d, left %d, wait %v, full %v", used, now, limit, next, left, wait, full)
		}
		if wait > 0 {
			if _, _, again, _ := cell(used, now+int64(wait), limit); again != 0 {
				t.Errorf("told to wait %v, and then %v more", wait, again)
			}
		}
	})
}

func BenchmarkTake(b *testing.B) {
	for _, keys := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			l, err := New(nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprint("address ", i)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					l.Take(b.Context(), "test", names[i%keys], PerMinute(1000))
				}
			})
		})
	}
}

// attentive is a backend that gives up when the context is done.
type attentive struct{ counted int }

func (a *attentive) TakeLimit(ctx context.Context, _ string, count int, _ time.Duration) (int, time.Duration, time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, 0, err
	}
	a.counted++
	return count - 1, 0, 0, nil
}

// TestWhoHangsUpIsCountedByAllNodes has a client go away before it is counted:
// otherwise it would be let through, or counted by this node alone.
func TestWhoHangsUpIsCountedByAllNodes(t *testing.T) {
	backend := &attentive{}
	l, _ := newLimiter(t, backend, Options{WhenDown: Forbid})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Take(gone, "sign-in", "alice", PerMinute(5)); err != nil || backend.counted != 1 {
		t.Errorf("got the error %v and %d counted, want it counted", err, backend.counted)
	}
}
