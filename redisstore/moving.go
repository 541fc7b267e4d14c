package redisstore

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/redis/rueidis"
)

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
