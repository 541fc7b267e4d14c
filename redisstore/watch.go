package redisstore

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// maxBackoff is the longest pause between two tries to watch again.
const maxBackoff = time.Second

// Watch subscribes to the ends on a connection of its own, and again whenever
// that is lost; each time a Gap comes first. The connection is asked every second
// whether it lives, so that a line that was cut without a word is found out.
func (s *Store) Watch(ctx context.Context, notify func(satra.Notice)) error {
	backoff := 10 * time.Millisecond
	for ctx.Err() == nil {
		if s.watchOnce(ctx, notify) {
			backoff = 10 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
	}
	return ctx.Err()
}

// watchOnce watches until the connection or the context ends, and reports
// whether it was subscribed.
func (s *Store) watchOnce(ctx context.Context, notify func(satra.Notice)) (subscribed bool) {
	client, free := s.client.Dedicate()
	defer free()
	ctx = rueidis.WithOnSubscriptionHook(ctx, func(sub rueidis.PubSubSubscription) {
		if sub.Kind == "subscribe" {
			subscribed = true
			notify(satra.Notice{Gap: true})
		}
	})
	_ = client.Receive(ctx, client.B().Subscribe().Channel(s.channel()).Build(), func(m rueidis.PubSubMessage) {
		const size = len(satra.ID{})
		if len(m.Message) < size {
			return // somebody else's
		}
		notify(satra.Notice{ID: satra.ID([]byte(m.Message[:size])), Reason: satra.Reason(m.Message[size:])})
	})
	return subscribed
}
