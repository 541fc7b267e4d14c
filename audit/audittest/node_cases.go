package audittest

import (
	"context"
	"fmt"
	"slices"

	"github.com/satra-sessions/satra/audit"
)

func nodesSeeEachOther(k *kit) {
	other := k.h.Node(k.TB, k.sink)
	here, there := rows("here", 1, 3, epoch), rows("there", 1, 3, epoch+10)
	k.append(k.sink, here...)
	k.append(other, there...)
	for _, s := range []audit.Sink{k.sink, other} {
		k.same("all rows", k.query(s, audit.Query{Oldest: true, Limit: 10}), append(slices.Clone(here), there...))
		if added, err := s.AppendAudit(k.ctx, here); added || err != nil {
			k.Errorf("AppendAudit again: got %v, %v, want false", added, err)
		}
		heads, err := s.AuditHeads(k.ctx, epoch, 10)
		if err != nil || len(heads) != 2 || heads[0].Writer != "there" {
			k.Errorf("AuditHeads: got %v, %v, want both chains", heads, err)
		}
	}
	k.addKeys(k.sink, key("a", epoch, "one"))
	k.addKeys(other, key("a", epoch, "two"))
	k.wantKeys("the other node's keys", k.keys(other, "a"), "a=one@0")
	if n, err := other.EraseAuditKeys(k.ctx, [][]byte{index("a")}); err != nil || n != 1 {
		k.Fatalf("EraseAuditKeys: got %d, %v, want 1", n, err)
	}
	k.wantKeys("keys after the other node's erasure", k.keys(k.sink, "a"))
	for round := range k.h.Rounds {
		writer := fmt.Sprint("w", round)
		told := make([]bool, 2)
		race(2, func(i int) {
			var err error
			s := []audit.Sink{k.sink, other}[i]
			if told[i], err = s.AppendAudit(k.ctx, rows(writer, 1, 2, epoch+int64(i))); err != nil {
				k.Errorf("AppendAudit: %v", err)
			}
		})
		if told[0] == told[1] {
			k.Fatalf("two nodes append the same Seq: got %v and %v, want one of them", told[0], told[1])
		}
	}
}

func acknowledgedSurvivesARestart(k *kit) {
	all := rows("w", 1, 20, epoch)
	k.append(k.sink, all[:10]...)
	k.addKeys(k.sink, key("a", epoch, "one"), key("b", epoch, "two"))
	if _, err := k.sink.EraseAuditKeys(k.ctx, [][]byte{index("b")}); err != nil {
		k.Fatalf("EraseAuditKeys: %v", err)
	}
	k.cut("w", 2, 10, 2)
	again := k.h.Restart(k.TB, k.sink)
	k.same("the chain", k.chain(again, "w"), all[2:10])
	k.wantKeys("keys", k.keys(again, "a", "b"), "a=one@0")
	k.append(again, all[10:]...)
	k.same("the chain after an append", k.chain(again, "w"), all[2:])
}

func downIsAnError(k *kit) {
	all := rows("w", 1, 3, epoch)
	k.append(k.sink, all[0])
	up := k.h.Down(k.TB, k.sink)
	ctx, cancel := context.WithTimeout(k.ctx, k.h.Patience)
	defer cancel()
	for what, err := range k.calls(ctx, all[1]) {
		switch {
		case err == nil:
			k.Errorf("%s without a server: got no error", what)
		case ctx.Err() != nil:
			k.Errorf("%s without a server did not give up within %v", what, k.h.Patience)
		}
	}
	up()
	for ctx.Err() == nil {
		if _, err := k.sink.AuditChain(ctx, "w", 0, 1); err == nil {
			break
		}
	}
	added, err := k.sink.AppendAudit(ctx, all[1:2])
	if err != nil {
		k.Fatalf("AppendAudit with the server back: %v", err)
	}
	// What was told to have failed may have been done: then it is there already.
	k.same(fmt.Sprintf("the chain (added: %v)", added), k.chain(k.sink, "w"), all[:2])
}

// calls makes each call once and returns the errors.
func (k *kit) calls(ctx context.Context, r audit.Row) map[string]error {
	errs := map[string]error{}
	_, errs["AppendAudit"] = k.sink.AppendAudit(ctx, []audit.Row{r})
	_, errs["AuditRows"] = k.sink.AuditRows(ctx, audit.Query{Limit: 1})
	_, errs["AuditChain"] = k.sink.AuditChain(ctx, r.Writer, 0, 1)
	_, errs["AuditChains"] = k.sink.AuditChains(ctx, "", 1)
	_, errs["AuditHeads"] = k.sink.AuditHeads(ctx, 0, 1)
	_, errs["AuditKeys"] = k.sink.AuditKeys(ctx, [][]byte{index("a")})
	errs["AddAuditKeys"] = k.sink.AddAuditKeys(ctx, []audit.WrappedKey{key("a", epoch, "x")})
	_, errs["EraseAuditKeys"] = k.sink.EraseAuditKeys(ctx, [][]byte{index("a")})
	_, errs["CutAudit"] = k.sink.CutAudit(ctx, r.Writer, 0, 1)
	_, errs["CutAuditKeys"] = k.sink.CutAuditKeys(ctx, 0, 1)
	return errs
}
