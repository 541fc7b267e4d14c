package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

var limitScript = newScript("limit").reading() // it changes no record

// TakeLimit takes one of count uses in per from a key, if that is to be had, in one
// command: how many are left, how long to wait if none was (0: it was taken), and
// when all are there again. So the store is a back end of package ratelimit. The
// key goes by itself when nothing of it is used any more.
func (s *Store) TakeLimit(ctx context.Context, key string, count int, per time.Duration) (left int, wait, full time.Duration, err error) {
	each := per.Microseconds() / int64(max(count, 1))
	if count < 1 || each < 1 {
		return 0, 0, 0, fmt.Errorf("redisstore: TakeLimit: %d in %v is no limit", count, per)
	}
	call, cancel := s.bounded(ctx)
	defer cancel()
	args := []string{strconv.FormatInt(each, 10), strconv.Itoa(count)}
	got, err := s.run(call, limitScript, []string{s.options.Prefix + "l:" + key}, args).AsIntSlice()
	if err != nil {
		return 0, 0, 0, fault(call, err)
	}
	if len(got) != 3 {
		return 0, 0, 0, fmt.Errorf("redisstore: TakeLimit: the script answered %d numbers", len(got))
	}
	return int(got[0]), time.Duration(got[1]) * time.Microsecond, time.Duration(got[2]) * time.Microsecond, nil
}
