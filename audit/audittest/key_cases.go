package audittest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/satra-sessions/satra/audit"
)

func key(owner string, at int64, secret string) audit.WrappedKey {
	return audit.WrappedKey{Owner: index(owner), At: at, Key: []byte(secret)}
}

// keys returns the secrets of those owners, sorted.
func (k *kit) keys(s audit.Sink, owners ...string) []string {
	k.Helper()
	var asked [][]byte
	for _, owner := range owners {
		asked = append(asked, index(owner))
	}
	found, err := s.AuditKeys(k.ctx, asked)
	if err != nil {
		k.Fatalf("AuditKeys: %v", err)
	}
	var secrets []string
	for _, f := range found {
		secrets = append(secrets, fmt.Sprintf("%s=%s@%d", bytes.TrimLeft(f.Owner, "\x00"), f.Key, f.At-epoch))
	}
	slices.Sort(secrets)
	return secrets
}

func (k *kit) wantKeys(what string, got []string, want ...string) {
	k.Helper()
	if !slices.Equal(got, want) {
		k.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

func (k *kit) addKeys(s audit.Sink, keys ...audit.WrappedKey) {
	k.Helper()
	if err := s.AddAuditKeys(k.ctx, keys); err != nil {
		k.Fatalf("AddAuditKeys: %v", err)
	}
}

func theFirstKeyStays(k *kit) {
	k.addKeys(k.sink, key("a", epoch, "one"), key("b", epoch+1, "two"))
	k.addKeys(k.sink, key("b", epoch+9, "no"), key("c", epoch+2, "three"), key("a", epoch+9, "no"))
	k.wantKeys("keys", k.keys(k.sink, "c", "b", "nobody", "a"), "a=one@0", "b=two@1", "c=three@2")
	k.wantKeys("one key", k.keys(k.sink, "b"), "b=two@1")
	k.wantKeys("no key", k.keys(k.sink, "nobody"))

	binary := audit.WrappedKey{Owner: bytes.Repeat([]byte{0, 0xff}, 16), At: epoch, Key: bytes.Repeat([]byte{0, 0xff}, 128)}
	k.addKeys(k.sink, binary)
	got, err := k.sink.AuditKeys(k.ctx, [][]byte{binary.Owner})
	if err != nil || len(got) != 1 || !bytes.Equal(got[0].Key, binary.Key) || !bytes.Equal(got[0].Owner, binary.Owner) {
		k.Fatalf("a binary key: got %v, %v, want %v", got, err, binary)
	}
	var many []audit.WrappedKey
	var owners []string
	for i := range 256 {
		owners = append(owners, fmt.Sprint("m", i))
		many = append(many, key(owners[i], epoch, "x"))
	}
	k.addKeys(k.sink, many...)
	if got := k.keys(k.sink, owners...); len(got) != 256 {
		k.Fatalf("256 keys at once: got %d", len(got))
	}
}

func oneOfManyKeysWins(k *kit) {
	for round := range k.h.Rounds {
		owner := fmt.Sprint("o", round)
		seen := make([]string, 8)
		race(len(seen), func(i int) {
			if err := k.sink.AddAuditKeys(k.ctx, []audit.WrappedKey{key(owner, epoch, fmt.Sprint("k", i))}); err != nil {
				k.Errorf("AddAuditKeys: %v", err)
				return
			}
			got, err := k.sink.AuditKeys(k.ctx, [][]byte{index(owner)})
			if err != nil || len(got) != 1 {
				k.Errorf("AuditKeys: got %v, %v, want one key", got, err)
				return
			}
			seen[i] = string(got[0].Key)
		})
		if len(slices.Compact(seen)) != 1 {
			k.Fatalf("round %d: got several keys of one owner: %q", round, seen)
		}
	}
}

func erasedKeysAreGone(k *kit) {
	k.addKeys(k.sink, key("a", epoch, "one"), key("b", epoch, "two"), key("c", epoch, "three"))
	n, err := k.sink.EraseAuditKeys(k.ctx, [][]byte{index("a"), index("nobody"), index("b")})
	if err != nil || n != 2 {
		k.Fatalf("EraseAuditKeys: got %d, %v, want 2", n, err)
	}
	k.wantKeys("keys", k.keys(k.sink, "a", "b", "c"), "c=three@0")
	if n, err = k.sink.EraseAuditKeys(k.ctx, [][]byte{index("a")}); err != nil || n != 0 {
		k.Fatalf("EraseAuditKeys again: got %d, %v, want 0", n, err)
	}
	k.addKeys(k.sink, key("a", epoch+5, "new"))
	k.wantKeys("a new key", k.keys(k.sink, "a"), "a=new@5")
}

func oldKeysAreCut(k *kit) {
	for i := range int64(6) {
		k.addKeys(k.sink, key(fmt.Sprint("o", i), epoch+i, "x"))
	}
	for _, c := range []struct {
		before int64
		limit  int
		want   int
	}{{epoch, 10, 0}, {epoch + 1, 10, 1}, {epoch + 4, 2, 2}, {epoch + 4, 2, 1}, {epoch + 4, 2, 0}} {
		if n, err := k.sink.CutAuditKeys(k.ctx, c.before, c.limit); err != nil || n != c.want {
			k.Fatalf("CutAuditKeys(%d, %d): got %d, %v, want %d", c.before-epoch, c.limit, n, err, c.want)
		}
	}
	k.wantKeys("what is left", k.keys(k.sink, "o0", "o1", "o2", "o3", "o4", "o5"), "o4=x@4", "o5=x@5")
}
