package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// A Report is what verification has found.
type Report struct {
	Entries, Chains int
	First, Last     time.Time // of the oldest and the newest entry; zero if there are none
	Cut             int       // chains whose old end retention has cut
	Checkpoints     int       // that were held against the log
	Findings        []Finding // in the order of their chains and places; none is a log as it was written
}

// A Finding is something about the log that is not as it was written.
type Finding struct {
	Writer string // the chain; "" of a checkpoint that cannot be used, and of entries that name none
	From   int64  // the first entry that it is about
	To     int64  // the last one
	What   Fault
	Detail string // for people
}

// String is the finding as a line for people.
func (f Finding) String() string {
	chain := Plain(f.Writer)
	if f.Writer == "" {
		chain = "without a chain"
	}
	switch {
	case f.What == FaultCheckpoint:
		return fmt.Sprintf("%s: %s", f.What, Plain(f.Detail))
	case f.From == f.To:
		return fmt.Sprintf("%s, entry %d: %s: %s", chain, f.From, f.What, Plain(f.Detail))
	}
	return fmt.Sprintf("%s, entries %d to %d: %s: %s", chain, f.From, f.To, f.What, Plain(f.Detail))
}

// A Fault is what is wrong.
type Fault string

// The faults.
const (
	FaultAltered    Fault = "altered"        // a column of the entry was changed, or it was written by somebody without the key
	FaultMoved      Fault = "moved"          // it is genuine, and belongs elsewhere
	FaultRemoved    Fault = "removed"        // entries within the chain, or at its old end, are missing
	FaultTruncated  Fault = "truncated"      // entries at its new end, or the whole chain, are missing
	FaultReplaced   Fault = "replaced"       // it is not the one that others have vouched for
	FaultKey        Fault = "unknown key"    // it cannot be verified: no key of that ID is given
	FaultCheckpoint Fault = "bad checkpoint" // it cannot be used
)

// A verification is under way.
type verification struct {
	*Reader
	report   Report
	progress func(entries int)

	chains map[string]*walked
	heads  map[string]vouched // by writer, the furthest
	cuts   map[string]mark    // by writer, the furthest
	before int64              // what is older may be gone: retention has said so
	tries  int                // MACs that may still be made to find out where rows came from
}

// A walked is what is known of a chain that was gone through.
type walked struct {
	read     int64 // the Seq up to which it was read
	first    int64
	prev     [macSize]byte // before the first
	trusted  bool          // the first is genuine
	last     int64
	lastMAC  [macSize]byte
	unbroken bool // the last is genuine
}

// A vouched is a head that somebody has written down, and when.
type vouched struct {
	mark
	by string
	at int64
}

// unread is a chain before it is gone through. Whoever can write to the sink may
// have put something before its first entry, too.
func unread() *walked { return &walked{read: math.MinInt64} }

// Verify goes through the whole log and holds every entry against its MAC, every
// chain against the others, and all against checkpoints that were kept elsewhere.
// Logs may go on meanwhile. progress, if not nil, is told now and then how many
// entries it has seen. It takes memory for each chain, not for each entry.
//
// Errors: those of the sink. What is wrong with the log is no error, but in the
// report.
func (r *Reader) Verify(ctx context.Context, checkpoints []Checkpoint, progress func(entries int)) (*Report, error) {
	if progress == nil {
		progress = func(int) {}
	}
	v := &verification{
		Reader: r, progress: progress, tries: mostTries,
		chains: map[string]*walked{}, heads: map[string]vouched{}, cuts: map[string]mark{},
	}
	// At least twice: what was written since has to be known, too, the cut, for one, of
	// what has gone from a chain while it was being read.
	for again, round := true, 0; (again || round < 2) && round < 5; round++ {
		var err error
		if again, err = v.walkAll(ctx); err != nil {
			return nil, err
		}
	}
	v.takeCheckpoints(checkpoints)
	v.beginnings()
	if err := v.ends(ctx); err != nil {
		return nil, err
	}
	delete(v.chains, "") // which is none
	v.report.Chains = len(v.chains)
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.From, b.From))
	})
	progress(v.report.Entries)
	return &v.report, nil
}

// walkAll goes on through all chains that there are, and reports whether any is new.
// They are listed first: rows of one may be found in another.
func (v *verification) walkAll(ctx context.Context) (another bool, err error) {
	// A row without a writer is in no list of chains, and is read like the others.
	writers := []string{""}
	for after := ""; ; {
		chains, err := v.sink.AuditChains(ctx, after, chainsAtOne)
		if err != nil {
			return false, err
		}
		for _, c := range chains {
			writers = append(writers, c.Writer)
			if v.chains[c.Writer] == nil {
				v.chains[c.Writer], another = unread(), true
				if c.First == math.MinInt64 { // no row comes before it, so that none can be asked for that comes after
					v.find(c.Writer, c.First, c.First, FaultAltered, noSuchPlace)
				}
			}
		}
		if len(chains) < chainsAtOne {
			break
		}
		after = chains[len(chains)-1].Writer
	}
	for _, writer := range writers {
		if err := v.walk(ctx, writer); err != nil {
			return false, err
		}
	}
	return another, nil
}

// walk goes on through a chain from where it was left, to its present end.
func (v *verification) walk(ctx context.Context, writer string) error {
	w := v.chains[writer]
	if w == nil {
		w = unread()
	}
	for {
		rows, err := v.sink.AuditChain(ctx, writer, w.read, cutAtOnce)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			v.chains[writer] = w
		}
		for _, r := range rows {
			w.read = r.Seq
			v.step(w, r)
		}
		v.report.Entries += len(rows)
		v.progress(v.report.Entries)
		if len(rows) < cutAtOnce {
			return nil
		}
	}
}

func (v *verification) vouch(m mark, by string, at int64) {
	if m.seq > v.heads[m.writer].seq {
		v.heads[m.writer] = vouched{m, by, at}
	}
}

func (v *verification) takeCheckpoints(checkpoints []Checkpoint) {
	for _, c := range checkpoints {
		marks, err := v.ring.marks(c)
		if err != nil {
			v.report.Findings = append(v.report.Findings, Finding{What: FaultCheckpoint, Detail: fmt.Sprintf("that of %s by %s: %v", c.At.Format(time.RFC3339), c.Writer, err)})
			continue
		}
		v.report.Checkpoints++
		for _, m := range marks {
			v.vouch(m, "the checkpoint of "+c.At.UTC().Format(time.RFC3339), c.At.UnixMicro())
		}
	}
}

// beginnings holds chains that do not begin with their first entry against the
// cuts.
func (v *verification) beginnings() {
	v.report.Findings = slices.DeleteFunc(v.report.Findings, func(f Finding) bool {
		return f.What == FaultRemoved && f.To <= v.cuts[f.Writer].seq
	})
	for writer, w := range v.chains {
		cut, isCut := v.cuts[writer]
		switch {
		case w.first <= 1:
		case !isCut || cut.seq < w.first-1:
			v.find(writer, cut.seq+1, w.first-1, FaultRemoved, "they are missing at the old end, and no entry tells that they were cut")
		case cut.seq == w.first-1 && w.trusted && cut.mac != w.prev:
			v.find(writer, w.first, w.first, FaultReplaced, "it does not follow the entry up to which the chain was cut")
		default:
			v.report.Cut++
		}
	}
}

// ends holds the chains against the heads that were written down.
func (v *verification) ends(ctx context.Context) error {
	for writer, head := range maps.Clone(v.heads) { // walking adds to them
		w := v.chains[writer]
		if w == nil {
			w = unread()
			v.chains[writer] = w
		}
		if head.seq > w.last { // it may have been written since
			if err := v.walk(ctx, writer); err != nil {
				return err
			}
		}
		switch cut := v.cuts[writer]; {
		case head.seq <= cut.seq:
		case w.last == 0 && head.at < v.before: // it was cut whole, and what told so was cut since
		case head.seq > w.last:
			what := "they are missing at the new end"
			if w.last == 0 {
				what = "the whole chain is missing"
				delete(v.chains, writer)
			}
			v.find(writer, max(w.last, cut.seq)+1, head.seq, FaultTruncated, what+": "+head.by+" names the last of them")
		default:
			rows, err := v.sink.AuditChain(ctx, writer, head.seq-1, 1)
			if err != nil {
				return err
			}
			if len(rows) == 1 && rows[0].Seq == head.seq && string(rows[0].MAC) != string(head.mac[:]) && !v.found(writer, head.seq) {
				v.find(writer, head.seq, head.seq, FaultReplaced, head.by+" names another in its place")
			}
		}
		if v.chains[writer] != nil && w.last == 0 {
			delete(v.chains, writer) // cut whole
		}
	}
	return nil
}

// found reports whether something was said of that entry already.
func (v *verification) found(writer string, seq int64) bool {
	return slices.ContainsFunc(v.report.Findings, func(f Finding) bool { return f.Writer == writer && f.From <= seq && seq <= f.To })
}

// find takes a finding down. What goes on from the entry before is one with it: a
// log that is read with a wrong key is one finding for each chain, and not for each
// entry.
func (v *verification) find(writer string, from, to int64, what Fault, detail string) {
	if n := len(v.report.Findings); n > 0 {
		last := &v.report.Findings[n-1]
		if last.Writer == writer && last.What == what && last.Detail == detail && last.To == from-1 {
			last.To = to
			return
		}
	}
	v.report.Findings = append(v.report.Findings, Finding{Writer: writer, From: from, To: to, What: what, Detail: detail})
}
