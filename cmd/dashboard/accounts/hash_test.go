package accounts

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestHashesCostWhatTheyShould(t *testing.T) {
	b, err := Open(t.Context(), databases["file"](t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	const costs = "$argon2id$v=19$m=19456,t=2,p=1$"
	one, err1 := b.hash(t.Context(), good)
	two, err2 := b.hash(t.Context(), good)
	if err1 != nil || err2 != nil || !strings.HasPrefix(one, costs) || !strings.HasPrefix(two, costs) || one == two {
		t.Errorf("got %s and %s, want two salts and %s", one, two, costs)
	}
	if c, _, _, err := parsePHC(b.dummy); err != nil || c != goodCost {
		t.Errorf("for unknown names: got %+v and %v, want the cost of all others", c, err)
	}
}

// The reference implementation's vector: argon2 -id -t 2 -k 65536 -p 1 of
// "password" with the salt "somesalt".
func TestAHashOfAnotherProgramIsUnderstood(t *testing.T) {
	b := open(t, databases["file"](t))
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if right, stale, err := b.verify(t.Context(), "password", phc); !right || !stale || err != nil {
		t.Errorf("got %v, stale %v, %v; want that it is right and is made anew", right, stale, err)
	}
}

func TestASignInRenewsAHashOfOtherCosts(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		b := open(t, database)
		a, err := b.Create(t.Context(), "asha", good)
		if err != nil {
			t.Fatal(err)
		}
		b.cost.passes++
		phcOf := func() string {
			r, err := b.find(t.Context(), "id", a.ID)
			if err != nil {
				t.Fatal(err)
			}
			return r.phc
		}
		before := phcOf()
		if _, err := signIn(b, "asha", better); !errors.Is(err, ErrWrong) || phcOf() != before {
			t.Errorf("a wrong passphrase: got %v, or another hash", err)
		}
		if _, err := signIn(b, "asha", good); err != nil || !strings.Contains(phcOf(), ",t=2,") {
			t.Errorf("got %v and the hash %s, want one with two passes", err, phcOf())
		}
		after := phcOf()
		if _, err := signIn(b, "asha", good); err != nil || phcOf() != after {
			t.Errorf("got %v, or a third hash", err)
		}

		// A passphrase that is changed after the name was looked up, and before it is
		// checked, is the one that counts: the old one signs nobody in.
		b.cost.passes++
		c, err := b.Candidate(t.Context(), "asha")
		if err == nil {
			err = b.SetPassphrase(t.Context(), a.ID, better)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(t.Context(), good); !errors.Is(err, ErrWrong) {
			t.Errorf("the passphrase of before: got %v", err)
		}
		if _, err := signIn(b, "asha", better); err != nil {
			t.Errorf("the passphrase that was changed meanwhile: got %v", err)
		}
	})
}

func TestWhoWaitsToHashGivesUp(t *testing.T) {
	b := open(t, databases["file"](t))
	for range cap(b.turns) {
		b.turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := b.hash(ctx, good)
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("got %v before its turn", err)
	default:
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it gave up", err)
	}
	<-b.turns
	if _, err := b.hash(t.Context(), good); err != nil {
		t.Errorf("with a turn free: got %v", err)
	}
}

func TestTextIsTheSameHoweverItIsTyped(t *testing.T) {
	b := open(t, databases["file"](t))
	phc, err := b.hash(t.Context(), "caf\u00e9 glimt tulsi")
	if err != nil {
		t.Fatal(err)
	}
	if right, _, err := b.verify(t.Context(), "cafe\u0301 glimt tulsi", phc); !right || err != nil {
		t.Errorf("got %v and %v, want that the same letter of two code points is the same", right, err)
	}
}
