package redisstore

import (
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// A tap is a way to a server on which the answers can be kept back.
type tap struct {
	listener net.Listener
	mu       sync.Mutex
	flows    sync.Cond
	open     []net.Conn
	shut     bool
	over     bool
	serving  sync.WaitGroup
}

func newTap(t *testing.T, server *testserver.Redis) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("a way to the server: %v", err)
	}
	p := &tap{listener: listener}
	p.flows.L = &p.mu
	p.serving.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server.Addr())
			if err != nil {
				near.Close()
				continue
			}
			p.mu.Lock()
			p.open = append(p.open, near, far)
			p.mu.Unlock()
			p.serving.Go(func() { io.Copy(far, near); far.Close() })
			p.serving.Go(func() { p.answers(near, far) })
		}
	})
	t.Cleanup(p.end)
	return p
}

func (p *tap) answers(near, far net.Conn) {
	defer near.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := far.Read(buffer)
		p.mu.Lock()
		for p.shut && !p.over {
			p.flows.Wait()
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := near.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// turn keeps the answers back, or lets them flow.
func (p *tap) turn(shut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = shut
	p.flows.Broadcast()
}

func (p *tap) end() {
	p.listener.Close()
	p.mu.Lock()
	p.over = true
	p.flows.Broadcast()
	for _, c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}

func (p *tap) URL() string { return "redis://" + p.listener.Addr().String() }

// awaitLine returns when there is a line again that can be used.
func (k *cacheKit) awaitLine() *line {
	k.Helper()
	for k.Context().Err() == nil {
		if l := k.cache.usable(k.options.now()); l != nil {
			return l
		}
		runtime.Gosched()
	}
	k.Fatal("there is no line")
	return nil
}

func TestALineThatIsSilentIsNotTrusted(t *testing.T) {
	server := testserver.StartRedis(t, false)
	way := newTap(t, server)
	k := newCacheKit(t, way.URL(), Options{Timeout: 300 * time.Millisecond})
	other := openKit(t, server.URL(), Options{Prefix: k.options.Prefix})
	id, unread := k.create(nil), k.create(nil)
	k.keep(id)
	way.turn(true)
	other.end(id)
	if r := k.cached(id); r.Ended != nil {
		t.Fatal("the server's word came through, and this test tests nothing")
	}
	if _, err := k.Find(t.Context(), unread, satra.Cacheable); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("a session that is not in the cache: got error %v, want ErrUnavailable", err)
	}
	if k.holds(id) {
		t.Error("a question on the line was not answered, and the cache still is")
	}
	k.pass(cacheAge + 1)
	if _, err := k.Find(t.Context(), id, satra.Cacheable); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("the server was not heard for longer than a second: got error %v, want ErrUnavailable", err)
	}
	way.turn(false)
	k.awaitLine()
	if r := k.cached(id); r.Ended == nil {
		t.Error("the line is back, and the cache has the record of before")
	}
}

func TestALineThatWasNotHeardForASecondIsNotUsed(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{})
	id := k.create(nil)
	k.keep(id)
	l := k.cache.line.Load()
	for age, want := range map[time.Duration]*line{0: l, cacheAge: l, cacheAge + 1: nil} {
		if got := k.cache.usable(k.options.now().Add(age)); got != want {
			t.Errorf("heard %v ago: the line is %p, want %p", age, got, want)
		}
	}
	another := &line{client: l.client, lost: l.lost, told: l.told}
	another.heard.Store(l.heard.Load())
	another.proved.Store(l.proved.Load())
	k.cache.line.Store(another)
	if k.holds(id) {
		t.Error("what was read on one line is used on another")
	}
	k.cache.line.Store(l)
	l.silent()
	if k.holds(id) {
		t.Error("a question was not answered, and the cache is used")
	}
	k.cached(id) // by the other way
	k.heard()
	if !k.holds(id) {
		t.Error("the server was heard again, and the cache is not used")
	}
}

func TestALostLineTakesTheCacheAlong(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{})
	other := k.node()
	id := k.create(nil)
	k.keep(id)
	first := k.cache.line.Load()
	number := k.on(first, "CLIENT", "ID")
	k.deaf(true) // the server's word of the end is lost with the line
	other.end(id)
	other.do("CLIENT", "KILL", "ID", number)
	<-first.lost
	for k.cache.line.Load() == first {
		runtime.Gosched()
	}
	if k.holds(id) {
		t.Error("what one line brought is used on the next")
	}
	k.awaitLine()
	if r := k.cached(id); r.Ended == nil || !k.holds(id) {
		t.Errorf("on the new line: ended %v, kept %v; want both", r.Ended != nil, k.holds(id))
	}
}

func TestWithoutALineNothingIsHeld(t *testing.T) {
	way := testserver.StartRedis(t, false).Line()
	k := newCacheKit(t, way.URL(), Options{Timeout: 300 * time.Millisecond})
	id := k.create(nil)
	k.keep(id)
	way.Cut()
	for k.cache.line.Load() != nil || k.slots() > 0 {
		runtime.Gosched()
	}
	if _, err := k.Find(t.Context(), id, satra.Cacheable); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("the server is down, and the session was in the cache: got error %v, want ErrUnavailable", err)
	}
	way.Mend()
	k.awaitLine()
	k.keep(id)
}

// on sends a command on the line, and returns the answer as text.
func (k *kit) on(l *line, name string, args ...string) string {
	k.Helper()
	m, err := l.client.Do(k.Context(), l.client.B().Arbitrary(name).Args(args...).Build()).ToMessage()
	if err != nil {
		k.Fatalf("%s on the line: %v", name, err)
	}
	n, err := m.AsInt64()
	if err != nil {
		k.Fatalf("%s on the line: %v", name, err)
	}
	return itoa(n)
}

func TestANewConnectionHasToLeadToTheLinesServer(t *testing.T) {
	server := testserver.StartRedis(t, false)
	k := newCacheKit(t, server.URL(), Options{Timeout: 300 * time.Millisecond})
	id := k.create(nil)
	k.keep(id)
	k.cache.dials.Add(1) // as dial does, and nobody is awake
	if k.holds(id) {
		t.Error("there is a new connection, nobody knows where to, and the cache is used")
	}
	k.heard()
	if !k.holds(id) {
		t.Error("the new connection leads to the line's server, and the cache is not used")
	}
	// A server that is told of nothing is another one, or might as well be.
	first := k.cache.line.Load()
	k.deaf(true)
	k.cache.dials.Add(1)
	if err := k.beat(t.Context(), first); !errors.Is(err, satra.ErrUnavailable) || !strings.Contains(err.Error(), "does not tell") {
		t.Errorf("a write that the line is not told of: got error %v", err)
	}
	if k.holds(id) {
		t.Error("a write was not told of, and the cache is used")
	}
	if k.awaitLine() == first {
		t.Error("the line that is not told of writes is still in use")
	}
}

func TestAConnectionThatIsMadeAnewIsNoticed(t *testing.T) {
	line := testserver.StartRedis(t, false).Line()
	k := newCacheKit(t, line.URL(), Options{})
	id := k.create(nil)
	k.keep(id)
	before, first := k.cache.dials.Load(), k.cache.line.Load()
	asleep := newCache(1<<20, time.Now)
	if asleep.dialed(); asleep.dials.Load() != 1 || len(asleep.wake) != 1 {
		t.Error("a new connection wakes nobody")
	}
	line.Drop()
	if k.comesBack(id); k.cache.dials.Load() == before {
		t.Error("the store has made a connection, and the cache does not know")
	}
	for k.awaitLine() == first {
		runtime.Gosched()
	}
	k.keep(id)
}

func TestClosingEndsTheKeeperOfTheLine(t *testing.T) {
	for what, trouble := range map[string]func(*testserver.Redis, *tap){
		"all is well":             func(*testserver.Redis, *tap) {},
		"the answers do not flow": func(_ *testserver.Redis, way *tap) { way.turn(true) },
		"the server is gone":      func(server *testserver.Redis, _ *tap) { server.Kill() },
	} {
		server := testserver.StartRedis(t, false)
		way := newTap(t, server)
		k := newCacheKit(t, way.URL(), Options{Timeout: 300 * time.Millisecond})
		trouble(server, way)
		k.cache.close()
		select {
		case <-k.cache.over:
		default:
			t.Errorf("%s: the store is closed, and the keeper of the line is not", what)
		}
	}
}
