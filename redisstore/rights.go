package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/rueidis"
)

var rightsScript = newScript("rights")

// denied reports that the server does not let its user do what was asked. Newer
// ones tell the user's name, so what they say is not told further.
func denied(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	if !ok || e.IsNil() {
		return false
	}
	text := e.Error()
	return strings.HasPrefix(text, "NOPERM") || strings.Contains(text, "ACL failure") || strings.Contains(text, "The user executing the script can't")
}

// mayAll finds out whether the server's user may do all that the store does, so
// that a right that lacks is noticed here and not by the first who signs in. It
// names the rules that would give it. Of a Cluster each primary is asked.
func (s *Store) mayAll(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if hiddenCluster(ctx, s.client) {
		return fmt.Errorf("redisstore: %w", errSlots)
	}
	lacking := map[string]bool{}
	if err := s.mayRun(ctx, lacking); err != nil {
		return err
	}
	if err := s.maySubscribe(ctx, lacking); err != nil {
		return err
	}
	if len(lacking) == 0 {
		return nil
	}
	var rules []string
	for what := range lacking {
		switch what {
		case "~":
			rules = append(rules, "~"+s.options.Prefix+"*")
		case "&":
			rules = append(rules, "&"+s.channel())
		default:
			rules = append(rules, "+"+what)
		}
	}
	slices.Sort(rules)
	return fmt.Errorf("redisstore: the server does not let its user do all that is needed; add to the user's rules: %s", strings.Join(rules, " "))
}

// errSlots is of a Cluster that the driver has taken for a single server, as it does
// when it may not ask.
var errSlots = errors.New("the server is a node of a Cluster, and its user may not ask which node has what;" +
	" add to the user's rules: +cluster|slots")

// hiddenCluster reports whether the single server is a node of a Cluster. HELLO is
// allowed to everybody.
func hiddenCluster(ctx context.Context, client rueidis.Client) bool {
	if client.Mode() != rueidis.ClientModeStandalone {
		return false
	}
	hello, err := client.Do(ctx, client.B().Arbitrary("HELLO").Build()).AsMap()
	if err != nil {
		return false // it does not know HELLO, or is gone, and then others say so
	}
	mode := hello["mode"]
	text, _ := mode.ToString()
	return text == "cluster"
}

// mayRun tries the scripts' commands, by both ways of running a script.
func (s *Store) mayRun(ctx context.Context, lacking map[string]bool) error {
	last := 1
	if s.cluster {
		last = shards
	}
	var commands []rueidis.Completed
	for shard := range last {
		key := s.key(shard, "rights:"+rand.Text())
		commands = append(commands,
			s.client.B().Eval().Script(rightsScript.text).Numkeys(1).Key(key).Arg(s.channel()).Build(),
			s.client.B().Evalsha().Sha1(rightsScript.sha).Numkeys(1).Key(key).Arg(s.channel()).Build())
	}
	for i, result := range s.client.DoMulti(ctx, commands...) {
		refused, err := result.AsStrSlice()
		if err := s.note(ctx, err, []string{"eval", "evalsha"}[i%2], lacking); err != nil {
			return err
		}
		for _, what := range refused {
			lacking[what] = true
		}
	}
	for _, server := range s.servers() {
		if err := s.note(ctx, server.Do(ctx, server.B().Ping().Build()).Error(), "ping", lacking); err != nil {
			return err
		}
	}
	return nil
}

// note makes a refusal a lack, and returns every other error; on a Cluster one
// node may be down while the others do.
func (s *Store) note(ctx context.Context, err error, command string, lacking map[string]bool) error {
	switch {
	case err == nil || forgotten(err) || s.cluster && !denied(err):
		return nil
	case !denied(err):
		return fault(ctx, err)
	case strings.Contains(err.Error(), "key"):
		lacking["~"] = true
	case strings.Contains(err.Error(), "channel"):
		lacking["&"] = true
	default:
		lacking[command] = true
	}
	return nil
}

func (s *Store) maySubscribe(ctx context.Context, lacking map[string]bool) error {
	client, free := s.client.Dedicate()
	defer free()
	subscribed := false
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	call = rueidis.WithOnSubscriptionHook(call, func(rueidis.PubSubSubscription) {
		subscribed = true
		cancel()
	})
	err := client.Receive(call, client.B().Subscribe().Channel(s.channel()).Build(), func(rueidis.PubSubMessage) {})
	if subscribed && ctx.Err() == nil {
		err = nil
	}
	return s.note(ctx, err, "subscribe", lacking)
}
