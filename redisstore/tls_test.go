package redisstore

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func TestTLS(t *testing.T) {
	secure := testserver.NewRedisTLS(t, false)
	server := secure.StartRedis()
	k := openKit(t, server.URL(), Options{TLS: &tls.Config{RootCAs: secure.Authority}})
	notices, _, _ := k.watch()
	<-notices
	id := k.signIn("alice")
	if _, err := k.Apply(t.Context(), id, &satra.Change{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}}); err != nil {
		t.Fatalf("an end: %v", err)
	}
	if n := <-notices; n.ID != id {
		t.Errorf("got notice %+v, want that of the end", n)
	}
	refused := func(what, address string, o *tls.Config, want string) {
		t.Helper()
		timeout := 20 * time.Second
		if strings.Contains(want, "does the port") {
			timeout = time.Second // it waits for nothing else
		}
		s, err := Open(t.Context(), address, &Options{TLS: o, Timeout: timeout})
		if err == nil {
			s.Close()
			t.Errorf("%s: got no error", what)
			return
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got error %v, want one that says %q", what, err, want)
		}
	}
	withPassword := strings.Replace(server.URL(), "://", "://app:hunter2@", 1)
	refused("an authority that nobody knows", withPassword, nil, "name the authority that signed it in Options.TLS")
	refused("another authority", withPassword, &tls.Config{RootCAs: testserver.NewRedisTLS(t, false).Authority}, "signed by unknown authority")
	refused("another name", withPassword, &tls.Config{RootCAs: secure.Authority, ServerName: "db.example"}, "db.example")
	refused("an address without TLS", strings.Replace(withPassword, "rediss:", "redis:", 1), &tls.Config{RootCAs: secure.Authority}, "nothing would be encrypted")
	refused("TLS to a server that has none", "rediss://"+testserver.StartRedis(t, false).Addr(), &tls.Config{RootCAs: secure.Authority}, "does the port speak TLS?")
	if _, err := Open(t.Context(), "redis://"+server.Addr(), &Options{Timeout: 20 * time.Second}); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("no TLS to a server that has nothing else: got error %v, want ErrUnavailable", err)
	}
}

// A server may want to see a certificate of its client.
func TestTLSBothWays(t *testing.T) {
	secure := testserver.NewRedisTLS(t, true)
	server := secure.StartRedis()
	both := &tls.Config{RootCAs: secure.Authority, Certificates: []tls.Certificate{secure.Client}}
	openKit(t, server.URL(), Options{TLS: both}).signIn("alice")
	if _, err := Open(t.Context(), server.URL(), &Options{TLS: &tls.Config{RootCAs: secure.Authority}, Timeout: 20 * time.Second}); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("a client without a certificate: got error %v, want ErrUnavailable", err)
	}
}

// The nodes of a Cluster are at other addresses than the one that was given, and
// each shows a certificate for its own.
func TestTLSOfAClusterAndOfSentinels(t *testing.T) {
	secure := testserver.NewRedisTLS(t, false)
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{TLS: secure})
	own := &tls.Config{RootCAs: secure.Authority}
	// There is no certificate for localhost, so this host itself is not trusted;
	// the nodes of which another tells are, each by its own address.
	local := strings.Replace(cluster.Primaries[0].Addr(), "127.0.0.1", "localhost", 1)
	_, err := Open(t.Context(), "rediss://"+local, &Options{TLS: own, Timeout: 20 * time.Second})
	var name x509.HostnameError
	if !errors.As(err, &name) {
		t.Errorf("one host whose name is in no certificate: got error %v, want that", err)
	}
	k := openKit(t, "rediss+cluster://"+local+","+cluster.Primaries[1].Addr(), Options{TLS: own, Prefix: rand.Text() + ":"})
	for shard := range shards {
		k.create(func(r *satra.Record) { r.ID[0] = byte(4 * shard) })
	}
	for range 20 {
		if _, err := k.Now(t.Context()); err != nil {
			t.Errorf("Now: %v", err)
		}
	}
	if n := len(k.live("")); n != shards {
		t.Errorf("%d live sessions, want %d", n, shards)
	}

	s := testserver.StartRedisSentinelTLS(t, secure, "main")
	openKit(t, "rediss+sentinel://"+s.Addr()+"/main", Options{TLS: own}).signIn("alice")
}
