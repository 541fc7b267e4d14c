package main

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/redisstore"
)

// measure fills one store and prints its row.
func measure(ctx context.Context, s subject, c config) (err error) {
	r := &run{config: c, ctx: ctx}
	defer r.close()
	progress("%s: %d sessions", s.name, c.n)
	if s.local {
		c.clients = min(c.clients, runtime.GOMAXPROCS(0)) // who is preempted with a lock would wait for all the others
	}
	f := &filled{config: c, ids: make([]satra.ID, c.n)}
	for i := range f.ids {
		rand.Read(f.ids[i][:])
	}
	f.at = time.Now().Add(-2 * time.Minute).UTC().Truncate(satra.Precision)
	f.soon = f.at.Add(6 * time.Hour)
	o, err := s.open(r)
	if err != nil {
		return err
	}
	f.store = o.store
	empty, err := o.size()
	if err != nil {
		return err
	}

	p, began := watch(ctx, f), time.Now()
	err = f.fill(ctx)
	took := time.Since(began)
	stall, calm, probeErr := p.end()
	if err != nil || probeErr != nil {
		return fmt.Errorf("filling: %w", join(err, probeErr))
	}
	full, err := o.size()
	if err != nil {
		return err
	}
	row := []string{
		s.name, fmt.Sprint(c.n), seconds(took), fmt.Sprintf("%.0f", float64(c.n)/took.Seconds()),
		fmt.Sprint((full - empty) / int64(c.n)), short(stall),
	}
	looked, err := look(ctx, f)
	if err != nil {
		return err
	}
	progress("  sweeping")
	w, calm2, err := sweepWatched(ctx, f, o)
	if err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	row = append(append(row, looked...), fmt.Sprint(w.swept), seconds(w.took), short(w.longest), short(w.stall), short(max(calm, calm2)))
	fmt.Println("| " + strings.Join(row, " | ") + " |")
	return nil
}

// look measures finds and lists where nothing else goes on.
func look(ctx context.Context, f *filled) ([]string, error) {
	p50, p99, longest, err := latencies(20_000, func() error { return f.store.find(ctx, f, mathrand.IntN(f.n)) })
	if err != nil {
		return nil, fmt.Errorf("finding: %w", err)
	}
	name := crowd
	one, _, _, err := latencies(50, func() error { return f.store.list(ctx, &name) })
	if err != nil {
		return nil, fmt.Errorf("listing one: %w", err)
	}
	all, _, _, err := latencies(50, func() error { return f.store.list(ctx, nil) })
	if err != nil {
		return nil, fmt.Errorf("listing all: %w", err)
	}
	return []string{short(p50), short(p99), short(longest), short(one), short(all)}, nil
}

// A sweeping is what came of a sweep.
type sweeping struct {
	swept                int
	took, longest, stall time.Duration // longest: of one call of Sweep
}

func sweepWatched(ctx context.Context, f *filled, o opened) (sweeping, time.Duration, error) {
	p, began := watch(ctx, f), time.Now()
	w, err := o.sweep(ctx, f)
	if w.took == 0 {
		w.took = time.Since(began)
	}
	stall, calm, probeErr := p.end()
	w.stall = stall
	return w, calm, join(err, probeErr)
}

// sweepAll removes what is over soon, a thousand at a time.
func sweepAll(s satra.Store) func(context.Context, *filled) (sweeping, error) {
	return func(ctx context.Context, f *filled) (w sweeping, err error) {
		const limit = 1000
		for n := limit; n == limit; {
			began := time.Now()
			if n, err = s.Sweep(ctx, f.soon.Add(time.Hour), limit); err != nil {
				return w, err
			}
			w.longest = max(w.longest, time.Since(began))
			w.swept += n
		}
		if want := soonOverOf(f); w.swept != want {
			return w, fmt.Errorf("%d were swept, want %d", w.swept, want)
		}
		return w, nil
	}
}

func soonOverOf(f *filled) (n int) {
	for i := range f.n {
		if f.soonOver(i) {
			n++
		}
	}
	return n
}

// sweepRedis has all that is over soon expire at once, and the store take it out of
// its indexes; what the server has not removed by then goes with it.
func sweepRedis(s *redisstore.Store, conn redigo.Conn) func(context.Context, *filled) (sweeping, error) {
	return func(ctx context.Context, f *filled) (w sweeping, err error) {
		before, err := redigo.Int(conn.Do("DBSIZE"))
		if err != nil {
			return w, err
		}
		if err := expireSoon(conn, f); err != nil {
			return w, err
		}
		time.Sleep(1100 * time.Millisecond)
		began := time.Now()
		for looked := 0; looked < f.n+64*1000; looked += 1000 { // each shard may end a round early
			call := time.Now()
			if _, err := s.Sweep(ctx, f.soon, 1000); err != nil {
				return w, err
			}
			w.longest = max(w.longest, time.Since(call))
		}
		w.took = time.Since(began)
		after, err := redigo.Int(conn.Do("DBSIZE"))
		if w.swept = before - after; err == nil && w.swept < soonOverOf(f) {
			err = fmt.Errorf("%d are gone, want %d", w.swept, soonOverOf(f))
		}
		return w, err
	}
}

// expireSoon sets the keys' expiry, by the layout that the store's documentation
// does not promise.
func expireSoon(conn redigo.Conn, f *filled) error {
	at := time.Now().Add(time.Second).UnixMilli()
	sent := 0
	receive := func() error {
		if err := conn.Flush(); err != nil {
			return err
		}
		for ; sent > 0; sent-- {
			if n, err := redigo.Int(conn.Receive()); err != nil || n != 1 {
				return fmt.Errorf("a session's key was not there: %d, %w", n, err)
			}
		}
		return nil
	}
	for i, id := range f.ids {
		if !f.soonOver(i) {
			continue
		}
		if err := conn.Send("PEXPIREAT", fmt.Sprintf("satra:{%02x}s:%s", id[0]/4, id), at); err != nil {
			return err
		}
		if sent++; sent == 1000 {
			if err := receive(); err != nil {
				return err
			}
		}
	}
	return receive()
}

func join(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func seconds(d time.Duration) string {
	if d < 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// short is a duration in the unit that fits it.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%.1f µs", float64(d)/1e3)
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/1e3)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.0f ms", float64(d)/1e6)
}
