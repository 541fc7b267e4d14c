package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func TestWhatACrashedEndOfEverybodyLeavesIsFinished(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range []string{"everybody's epoch", "shards' epochs", "all ended"} {
		for name, next := range map[string]func(k *kit){
			"a list": func(k *kit) { k.live("") },
			"Principal": func(k *kit) {
				if _, err := k.Principal(k.Context(), "alice"); err != nil {
					k.Errorf("Principal: %v", err)
				}
			},
		} {
			if step == "everybody's epoch" && name == "Principal" {
				continue // no shard knows of it yet
			}
			k := newKit(t, server)
			alices, stays, anonymous := k.signIn("alice"), k.signIn("bob"), k.create(nil)
			early := k.attempt("alice", 0, false)
			k.crash(step, func() {
				k.EndAll(k.Context(), satra.Ending{At: k.now, Everybody: true, Except: stays, End: satra.End{At: k.now, Reason: satra.ReasonAdministrator}})
			})
			other := k.node()
			next(other)
			if live := k.find(alices).Live(k.now); live == (step == "all ended") {
				t.Errorf("%s, then %s: live %v; nobody finishes what may be under way still", step, name, live)
			}
			long := itoa(k.now.Add(-2 * time.Minute).UnixMicro())
			k.do("HSET", k.everybodyKey(), "open", long)
			if name == "Principal" {
				k.do("HSET", k.epochsKey(shardOfName("alice")), "o", long)
			}
			next(other)
			for _, id := range []satra.ID{alices, anonymous} {
				if k.find(id).Live(k.now) {
					t.Errorf("%s: a session is live after %s", step, name)
				}
			}
			if !k.find(stays).Live(k.now) {
				t.Errorf("%s: %s ended the one that stays", step, name)
			}
			if _, err := k.Apply(t.Context(), k.create(nil), early); !errors.Is(err, satra.ErrEpoch) {
				t.Errorf("%s: a sign-in that began before: got error %v, want ErrEpoch", step, err)
			}
			if k.do("HGET", k.everybodyKey(), "open") != "" || k.do("HGET", k.epochsKey(shardOfName("alice")), "o") != "" {
				t.Errorf("%s, then %s: it is still open", step, name)
			}
			k.signIn("alice")
		}
	}
}

// TestAnEndOfEverybodyThatIsTakenOverSparesWhatHasBegunSince has another node finish
// an ending, after others have signed in again, and while one does.
func TestAnEndOfEverybodyThatIsTakenOverSparesWhatHasBegunSince(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range []string{"everybody's epoch", "shards' epochs"} {
		k := newKit(t, server)
		old, idle, anonymous := k.signIn("alice"), k.create(nil), k.create(nil)
		k.crash(step, func() {
			k.EndAll(k.Context(), satra.Ending{At: k.now, Everybody: true, End: satra.End{At: k.now, Reason: satra.ReasonAdministrator}})
		})
		k.do("HSET", k.everybodyKey(), "open", itoa(k.now.Add(-2*time.Minute).UnixMicro()))
		other, third := k.node(), k.node()
		other.now, third.now = k.now.Add(time.Second), k.now.Add(2*time.Second)
		newcomer, fresh := third.signIn("bob"), third.create(nil)
		came := other.at("looked at those before", func() {
			if _, err := third.Apply(t.Context(), anonymous, third.attempt("carol", 0, false)); err != nil {
				t.Errorf("%s: a sign-in while another node ends everybody: %v", step, err)
			}
		})
		other.live("")
		if !*came {
			t.Fatalf("%s: nobody took it over", step)
		}
		for what, id := range map[string]satra.ID{"a session of before": old, "an anonymous one of before": idle} {
			if r := k.find(id); r.Ended == nil || r.Ended.Reason != satra.ReasonAdministrator {
				t.Errorf("%s: %s has ended %+v, want as EndAll said", step, what, r.Ended)
			}
		}
		for what, id := range map[string]satra.ID{"a session of since": newcomer, "an anonymous one of since": fresh, "one that signs in meanwhile": anonymous} {
			if r := k.find(id); r.Ended != nil {
				t.Errorf("%s: %s was ended: %+v", step, what, r.Ended)
			}
		}
		if live := third.live("bob"); !live[newcomer] {
			t.Errorf("%s: the list of a principal who has signed in since has not its session", step)
		}
	}
}
