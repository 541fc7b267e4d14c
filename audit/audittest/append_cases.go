package audittest

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/satra-sessions/satra/audit"
)

func everyByteIsKept(k *kit) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	full := audit.Row{
		Writer: "node-1.example_A~5fa0", Seq: 1, At: epoch + 1, Kind: "reused_token", Session: "AAAAAAAAAAAAAAAAAAAA_-",
		Principal: all[:16], Address: all[240:], Body: all, MAC: all[100:132],
	}
	bare := audit.Row{Writer: full.Writer, Seq: 2, At: epoch, Kind: "created", Body: []byte{0}, MAC: all[:32]}
	k.append(k.sink, full, bare)
	k.same("AuditChain", k.chain(k.sink, full.Writer), []audit.Row{full, bare})
	k.same("AuditRows", k.query(k.sink, audit.Query{Limit: 10}), []audit.Row{full, bare})
	for _, r := range k.query(k.sink, audit.Query{Limit: 10, Oldest: true})[:1] {
		if len(r.Principal) != 0 || len(r.Address) != 0 || r.Session != "" {
			k.Errorf("got %+v, want no principal, address and session", r)
		}
	}
}

func theLargestBatchIsKept(k *kit) {
	batch := rows("w", 1, 256, epoch)
	for i := range batch[:16] {
		batch[i].Body = bytes.Repeat([]byte{byte(i)}, audit.MaxBody)
	}
	k.append(k.sink, batch...)
	k.same("AuditChain", k.chain(k.sink, "w"), batch)
}

func aBatchIsAllOrNothing(k *kit) {
	first := rows("w", 3, 4, epoch)
	k.append(k.sink, first...)
	for _, batch := range [][]audit.Row{rows("w", 1, 3, epoch+50), rows("w", 4, 6, epoch+50), rows("w", 3, 4, epoch+50), first} {
		added, err := k.sink.AppendAudit(k.ctx, batch)
		if added || err != nil {
			k.Fatalf("AppendAudit of %s beside %s: got %v, %v, want false and no error", names(batch), names(first), added, err)
		}
		k.same("AuditChain", k.chain(k.sink, "w"), first)
	}
	k.append(k.sink, row("v", 3, epoch)) // another writer's
	k.append(k.sink, rows("w", 5, 6, epoch)...)
}

func oneOfManyAppendersWins(k *kit) {
	for round := range k.h.Rounds {
		writer := fmt.Sprintf("w%d", round)
		var won atomic.Int64
		race(8, func(i int) {
			batch := rows(writer, 1, 3, epoch+int64(1000*i))
			if added, err := k.sink.AppendAudit(k.ctx, batch); err != nil {
				k.Errorf("AppendAudit: %v", err)
			} else if added {
				won.Add(1)
			}
		})
		got := k.chain(k.sink, writer)
		if won.Load() != 1 || len(got) != 3 || got[2].At-got[0].At != 2 {
			k.Fatalf("round %d: %d appenders were told that they had added; there is %+v", round, won.Load(), got)
		}
	}
}

func writersGoSideBySide(k *kit) {
	const writers, batches, size = 8, 20, 5
	race(writers, func(i int) {
		for b := range int64(batches) {
			batch := rows(fmt.Sprintf("w%d", i), b*size+1, (b+1)*size, epoch+b*size)
			if added, err := k.sink.AppendAudit(k.ctx, batch); err != nil || !added {
				k.Errorf("AppendAudit: got %v, %v, want true", added, err)
			}
		}
	})
	for i := range writers {
		writer := fmt.Sprintf("w%d", i)
		k.same("AuditChain", k.chain(k.sink, writer), rows(writer, 1, batches*size, epoch))
	}
}

func cancelledIsAllOrNothing(k *kit) {
	for round := range k.h.Rounds {
		writer := fmt.Sprintf("w%d", round)
		ctx, cancel := context.WithCancel(k.ctx)
		var added bool
		var err error
		race(2, func(i int) {
			if i == 0 {
				cancel()
				return
			}
			added, err = k.sink.AppendAudit(ctx, rows(writer, 1, 200, epoch))
		})
		n := len(k.chain(k.sink, writer))
		if n != 0 && n != 200 || err == nil && (!added || n != 200) {
			k.Fatalf("a cancelled append of 200 rows: got %v, %v, and %d are there", added, err, n)
		}
	}
}
