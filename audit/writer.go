package audit

import (
	"bytes"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	maxBatch    = 256
	firstPause  = 100 * time.Millisecond // after a sink has failed
	longPause   = 5 * time.Second
	cutEvery    = 24 * time.Hour
	maxOthers   = maxMarks - 1 // heads of other chains in a checkpoint, beside the own one
	headsSafely = time.Minute  // by how much clocks may differ when heads are asked for
)

// run is the log's goroutine: it writes what the queue holds, notes heads, and
// cuts what is too old.
func (l *Log) run(ctx context.Context) {
	defer close(l.ended)
	heads := time.NewTicker(l.o.HeadsEvery)
	defer heads.Stop()
	cut := time.NewTimer(0)
	defer cut.Stop()
	ripe := time.NewTimer(time.Hour)
	defer ripe.Stop()
	for {
		again, over, err := l.drain(ctx)
		if over || err != nil {
			l.finish(ctx, err)
			return
		}
		if !again.IsZero() {
			ripe.Reset(max(again.Sub(l.o.Now()), time.Millisecond))
		}
		select {
		case <-ctx.Done():
		case <-l.queue.wake:
		case <-ripe.C:
		case <-heads.C:
			l.report(ctx, "heads", l.noteHeads(ctx))
		case <-cut.C:
			l.report(ctx, "retention", l.cutOld(ctx))
			cut.Reset(cutEvery)
		}
	}
}

func (l *Log) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) { // Close goes before
		l.o.Problem(fmt.Errorf("audit: %s: %w", what, err))
	}
}

// finish ends the chain in order, if it can.
func (l *Log) finish(ctx context.Context, err error) {
	if err == nil {
		err = l.noteHeads(ctx)
	}
	if err == nil {
		err = l.append(ctx, []draft{{entry: Entry{At: l.o.Now(), Kind: KindClosed}}})
	}
	if err == nil {
		err = l.checkpoint(ctx, nil)
	}
	l.queue.refuse()
	if err != nil {
		l.err = fmt.Errorf("audit: the log was not closed in order: %w", err)
	}
}

// drain writes until the queue is empty, and tells when refusals are due. Its
// error is that it was told to stop.
func (l *Log) drain(ctx context.Context) (again time.Time, over bool, err error) {
	for {
		batch, again, over := l.queue.take(maxBatch, l.o.Now())
		if len(batch) == 0 {
			return again, over, ctx.Err()
		}
		drafts := make([]draft, len(batch))
		for i, it := range batch {
			drafts[i] = it.draft
		}
		err := l.insist(ctx, drafts)
		for _, it := range batch {
			if it.written != nil {
				it.written <- err
			}
		}
		if err != nil {
			return time.Time{}, false, err
		}
		l.moved = true
		if l.o.Now().Sub(l.headsAt) >= l.o.HeadsEvery { // also if there is always something to write
			l.report(ctx, "heads", l.noteHeads(ctx))
		}
	}
}

// insist appends until it has succeeded, or is told to stop.
func (l *Log) insist(ctx context.Context, drafts []draft) error {
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		err := l.append(ctx, drafts)
		if err == nil {
			if l.failing {
				l.failing = false
			}
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		if !l.failing { // once for each time that it is down
			l.failing = true
			l.o.Problem(fmt.Errorf("audit: entries wait, because the sink fails: %w", err))
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// A pending is rows that the sink may or may not have.
type pending struct {
	drafts  []draft
	rows    []Row
	persons []cipher.AEAD
}

// append makes rows and has the sink keep them. Whether a call that has failed was
// carried out is unknown: its rows stay pending, and are tried as they are before
// anything else, so that nothing is written twice.
func (l *Log) append(ctx context.Context, drafts []draft) error {
	if p := l.pending; p != nil {
		if err := l.write(ctx); err != nil {
			return err
		}
		if &p.drafts[0] == &drafts[0] {
			return nil // they were these
		}
	}
	persons, broken, err := l.people.of(ctx, l.chain.key, drafts)
	if err != nil {
		return err
	}
	next := *l.chain
	rows := make([]Row, len(drafts))
	for i, d := range drafts {
		if broken[i] {
			d = d.withoutPerson()
		}
		rows[i] = next.next(d, persons[i])
		next.advance(rows[i])
	}
	l.pending = &pending{drafts, rows, persons}
	return l.write(ctx)
}

// write has the sink keep the rows that are pending.
func (l *Log) write(ctx context.Context) error {
	rows := l.pending.rows
	added, err := l.sink.AppendAudit(ctx, rows)
	if err != nil {
		return err
	}
	if !added {
		there, err := l.sink.AuditChain(ctx, l.chain.writer, l.chain.seq, len(rows)+1)
		if err != nil {
			return err
		}
		if len(there) != len(rows) || !bytes.Equal(there[len(there)-1].MAC, rows[len(rows)-1].MAC) {
			// Somebody without the key has written into the chain: that is for
			// verification to find. This log goes on in another.
			l.chain, l.pending = newChain(l.chain.writer+"+", l.chain.key), nil
			return errors.New("the chain has entries that this log has not written")
		}
	}
	l.take(l.pending)
	return nil
}

// take takes rows for written.
func (l *Log) take(p *pending) {
	l.pending = nil
	for i, r := range p.rows {
		l.chain.advance(r)
		if l.o.Copy != nil {
			l.o.Copy(l.ring.entry(r, p.persons[i]))
		}
	}
}

// noteHeads writes down where the other chains stand, if they have moved, and tells
// the checkpoints.
func (l *Log) noteHeads(ctx context.Context) error {
	l.headsAt = l.o.Now()
	heads, err := l.othersHeads(ctx, l.o.Now().Add(-2*l.o.HeadsEvery-headsSafely).UnixMicro())
	if err != nil {
		return err
	}
	var news []mark
	worth := l.moved
	for _, h := range heads {
		if by := h.seq - l.noted[h.writer]; by > 0 {
			news = append(news, h)
			worth = worth || by > 1 // by one: a note of heads, perhaps, which need not be noted in turn
		}
	}
	if len(news) > 0 && worth {
		if err := l.append(ctx, []draft{{entry: Entry{At: l.o.Now(), Kind: KindHeads}, marks: news}}); err != nil {
			return err
		}
		l.note(news)
	}
	l.moved = false
	return l.checkpoint(ctx, news)
}

// note remembers how far other chains are; those that have ended are forgotten some
// day.
func (l *Log) note(heads []mark) {
	if len(l.noted) > 100*maxMarks {
		clear(l.noted)
	}
	for _, h := range heads {
		l.noted[h.writer] = h.seq
	}
}

// othersHeads are the heads of the other chains, the latest first.
func (l *Log) othersHeads(ctx context.Context, since int64) ([]mark, error) {
	heads, err := l.sink.AuditHeads(ctx, since, maxMarks)
	if err != nil {
		return nil, err
	}
	var marks []mark
	for _, h := range heads {
		if h.Writer != l.chain.writer && len(h.MAC) == macSize && len(marks) < maxOthers {
			marks = append(marks, mark{h.Writer, h.Seq, [macSize]byte(h.MAC)})
		}
	}
	return marks, nil
}

// checkpoint tells the other place where the chains stand.
func (l *Log) checkpoint(ctx context.Context, others []mark) error {
	if l.o.Checkpoints == nil || l.chain.seq == l.told && len(others) == 0 {
		return nil
	}
	heads := append([]mark{{l.chain.writer, l.chain.seq, l.chain.prev}}, others...)
	if err := l.o.Checkpoints.PutCheckpoint(ctx, newCheckpoint(l.chain.key, l.o.Now(), l.chain.writer, heads)); err != nil {
		return fmt.Errorf("a checkpoint: %w", err)
	}
	l.told = l.chain.seq
	return nil
}
