package testserver

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// StartRedisCluster starts a Cluster of three primaries, and returns when all of
// them know of all slots.
func StartRedisCluster(t TB) []*Redis {
	t.Helper()
	nodes := make([]*Redis, 3)
	for i := range nodes {
		// The bus has a port of its own, 10,000 above by default: too high for many.
		bus := strconv.Itoa(freePort(t))
		nodes[i] = StartRedis(t, false, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "5000")
	}
	const slots = 16384
	for i, n := range nodes {
		n.cli("cluster", "addslotsrange", strconv.Itoa(slots*i/3), strconv.Itoa(slots*(i+1)/3-1))
		if i > 0 {
			bus := strings.Fields(nodes[0].cli("config", "get", "cluster-port"))
			n.cli("cluster", "meet", loopback, strconv.Itoa(nodes[0].port), bus[1])
		}
	}
	deadline := time.Now().Add(time.Minute)
	for _, n := range nodes {
		for !strings.Contains(n.cli("cluster", "info"), "cluster_state:ok") {
			if time.Now().After(deadline) {
				t.Fatalf("the Cluster does not come together:\n%s", n.cli("cluster", "nodes"))
			}
		}
	}
	return nodes
}

// cli runs a command by redis-cli.
func (r *Redis) cli(args ...string) string {
	r.t.Helper()
	out, err := exec.Command("redis-cli", append([]string{"-h", loopback, "-p", strconv.Itoa(r.port)}, args...)...).CombinedOutput()
	if err != nil || bytes.HasPrefix(out, []byte("ERR")) {
		r.t.Fatalf("%s", fmt.Sprintf("redis-cli %v: %v: %s", args, err, out))
	}
	return string(out)
}
