package testserver

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RedisSlots is how many slots a Cluster has.
const RedisSlots = 16384

// A RedisCluster is three primaries which have a third of the slots each, and a
// replica of each if that is asked for.
type RedisCluster struct {
	t         TB
	Primaries []*Redis
	Replicas  []*Redis     // of the primary of the same index
	Lines     []*RedisLine // to the primary of the same index
}

// RedisClusterOptions say what a Cluster has. The zero value is three primaries
// that keep nothing.
type RedisClusterOptions struct {
	Durable  bool          // see StartRedis
	Replicas bool          // a replica of each primary
	Lines    bool          // clients come by lines: the nodes tell them those addresses
	Timeout  time.Duration // how long a node may be silent before it counts as failed; 5 s
	TLS      *RedisTLS     // what the nodes show; nil: they speak no TLS
}

// StartRedisCluster starts a Cluster, and returns when all of its nodes know of
// all slots and the replicas have what their primaries have.
func StartRedisCluster(t TB, o RedisClusterOptions) *RedisCluster {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	c := &RedisCluster{t: t}
	for range 3 {
		c.Primaries = append(c.Primaries, startRedisNode(t, o))
	}
	for i, n := range c.Primaries {
		n.CLI("cluster", "addslotsrange", strconv.Itoa(RedisSlots*i/3), strconv.Itoa(RedisSlots*(i+1)/3-1))
		if o.Lines {
			line := n.Line()
			port := strconv.Itoa(line.port())
			n.CLI("config", "set", "cluster-announce-port", port)
			n.options = append(n.options, "--cluster-announce-port", port) // when it is started again
			c.Lines = append(c.Lines, line)
		}
	}
	for range c.Primaries {
		if o.Replicas {
			c.Replicas = append(c.Replicas, startRedisNode(t, o))
		}
	}
	for _, n := range c.nodes()[1:] {
		n.CLI("cluster", "meet", loopback, strconv.Itoa(c.Primaries[0].port), c.Primaries[0].busPort())
	}
	for i, r := range c.Replicas {
		r.follow(c.Primaries[i])
	}
	c.Await()
	return c
}

func startRedisNode(t TB, o RedisClusterOptions) *Redis {
	t.Helper()
	// The bus has a port of its own, 10,000 above by default: too high for many.
	bus := strconv.Itoa(freePort(t))
	return startRedis(t, o.TLS, o.Durable, []string{
		"--cluster-enabled", "yes", "--cluster-port", bus,
		"--cluster-node-timeout", strconv.FormatInt(o.Timeout.Milliseconds(), 10),
	})
}

func (c *RedisCluster) nodes() []*Redis {
	return append(append([]*Redis(nil), c.Primaries...), c.Replicas...)
}

// URLs are the addresses of the primaries, or of the lines to them.
func (c *RedisCluster) URLs() []string {
	var urls []string
	for _, n := range c.Primaries {
		urls = append(urls, n.URL())
	}
	for i, l := range c.Lines {
		urls[i] = l.URL()
	}
	return urls
}

// Await returns when every node that runs knows of all slots and each replica
// is in step with its primary.
func (c *RedisCluster) Await() {
	c.t.Helper()
	for _, n := range c.nodes() {
		if n.cmd != nil {
			n.await("cluster", "info", "cluster_state:ok")
		}
	}
	for _, n := range c.nodes() {
		if n.cmd != nil && strings.Contains(n.CLI("info", "replication"), "role:slave") {
			n.await("info", "replication", "master_link_status:up")
		}
	}
}

// Restart kills all primaries at once and starts them again.
func (c *RedisCluster) Restart() {
	c.t.Helper()
	for _, n := range c.Primaries {
		n.Kill()
	}
	for _, n := range c.Primaries {
		n.Start()
	}
	c.Await()
}

// MoveSlot gives a slot to another primary, as an operator does who reshards:
// the keys go over a few at a time, and whoever asks for one meanwhile is sent
// after it.
func (c *RedisCluster) MoveSlot(slot int, from, to *Redis) {
	c.t.Helper()
	s := strconv.Itoa(slot)
	to.CLI("cluster", "setslot", s, "importing", from.id())
	from.CLI("cluster", "setslot", s, "migrating", to.id())
	for {
		keys := strings.Fields(from.CLI("cluster", "getkeysinslot", s, "25"))
		if len(keys) == 0 {
			break
		}
		from.CLI(append([]string{"migrate", loopback, strconv.Itoa(to.port), "", "0", "5000", "keys"}, keys...)...)
	}
	for _, n := range []*Redis{to, from} {
		n.CLI("cluster", "setslot", s, "node", to.id())
	}
	for _, n := range c.Primaries {
		if n != to && n != from && n.cmd != nil {
			n.CLI("cluster", "setslot", s, "node", to.id())
		}
	}
}

// RedisSlot returns the slot of a key, which what stands in its braces chooses:
// the CRC16 of XMODEM.
func RedisSlot(key string) int {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	sum := uint16(0)
	for i := range len(key) {
		sum ^= uint16(key[i]) << 8
		for range 8 {
			if high := sum&0x8000 != 0; high {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return int(sum) % RedisSlots
}

// id is the name that a node has in its Cluster.
func (r *Redis) id() string { return strings.TrimSpace(r.CLI("cluster", "myid")) }

func (r *Redis) busPort() string {
	return strings.Fields(r.CLI("config", "get", "cluster-port"))[1]
}

// follow makes a node of a Cluster the replica of another, as soon as it has
// heard of it.
func (r *Redis) follow(primary *Redis) {
	r.t.Helper()
	r.await("cluster", "nodes", primary.id())
	r.CLI("cluster", "replicate", primary.id())
}

// await asks until the answer has this text.
func (r *Redis) await(name, arg, want string) {
	r.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		answer := r.CLI(name, arg)
		if strings.Contains(answer, want) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s", fmt.Sprintf("redis-server on port %d does not come to %q:\n%s", r.port, want, answer))
		}
	}
}

// Promote lets a replica and its primary change places, without loss, and returns
// when all know.
func (c *RedisCluster) Promote(replica, primary *Redis) {
	c.t.Helper()
	// The other primaries do not vote for the same third again so soon after the last
	// time, and after five seconds the replica gives up: it is asked again.
	const patience = 6 * time.Second
	deadline := time.Now().Add(time.Minute)
	changed := func() bool {
		return strings.Contains(replica.CLI("info", "replication"), "role:master") &&
			strings.Contains(primary.CLI("info", "replication"), "role:slave")
	}
	for asked := (time.Time{}); !changed(); {
		switch now := time.Now(); {
		case now.After(deadline):
			c.t.Fatalf("%s", fmt.Sprintf("the replica on port %d does not take over:\n%s", replica.port, replica.CLI("cluster", "nodes")))
		case now.Sub(asked) > patience:
			// It may have become the primary since it was looked at, and refuse then.
			replica.tryCLI("cluster", "failover")
			asked = now
		}
	}
	c.Await()
}

// InStep returns when the replica has acknowledged all that its primary, r, has
// written until now.
func (r *Redis) InStep(replica *Redis) {
	r.t.Helper()
	offset := replicated(r.CLI("info", "replication"), "master_repl_offset:")
	deadline := time.Now().Add(time.Minute)
	for replicated(replica.CLI("info", "replication"), "slave_repl_offset:") < offset {
		if time.Now().After(deadline) {
			r.t.Fatalf("the replica on port %d does not come to what its primary has", replica.port)
		}
	}
}

func replicated(info, field string) int {
	_, rest, _ := strings.Cut(info, field)
	text, _, _ := strings.Cut(rest, "\r")
	n, _ := strconv.Atoi(text)
	return n
}
