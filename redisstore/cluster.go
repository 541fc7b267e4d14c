package redisstore

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/redis/rueidis"
)

// clockScript asks whichever primary has a key: what has none goes to any node
// that the driver ever heard of, and that may be one that is gone.
var clockScript = newScript("clock")

// time asks for the server's clock: seconds and microseconds.
func (s *Store) time(ctx context.Context) rueidis.RedisResult {
	if s.cluster {
		return s.run(ctx, clockScript, []string{s.everybodyKey()}, nil)
	}
	return s.client.Do(ctx, s.client.B().Time().Build())
}

// servers are what Open looks at: the server, or the nodes of a Cluster.
func (s *Store) servers() (all []rueidis.Client) {
	if !s.cluster {
		return []rueidis.Client{s.client}
	}
	for _, node := range s.client.Nodes() {
		all = append(all, node)
	}
	return all
}

// moving reports that a Cluster's slot is on its way from one primary to another
// and the command's keys are not all on one side: it has done nothing, so that the
// same may be sent again until the slot has moved. What has one key is sent after
// it by the driver.
func moving(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && e.IsTryAgain()
}

// pauseBefore waits a little before the next try, and reports whether there is
// time for one.
func pauseBefore(ctx context.Context, try int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(1+rand.IntN(5*min(try+1, 10))) * time.Millisecond):
		return true
	}
}
