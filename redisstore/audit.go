package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/satra-sessions/satra"
)

var (
	auditAppend = newScript("auditappend").reading()
	auditCut    = newScript("auditcut").reading()
	auditPage   = newScript("auditpage").reading()
	auditRange  = newScript("auditchain").reading()
	auditSkip   = newScript("auditchains").reading()
	auditLatest = newScript("auditheads").reading()
)

// All of the log is in one slot of a Cluster, so that rows come and go together with
// what the indexes have of them.
func (s *Store) auditKey(rest string) string { return s.options.Prefix + "{audit}" + rest }

func (s *Store) auditRowsKey() string  { return s.auditKey("rows") }
func (s *Store) auditHeadsKey() string { return s.auditKey("heads") }

// auditIndexes are the indexes that a row is in. Those of one principal and so on are
// sets of their own: most are short, and short ones take little memory.
func (s *Store) auditIndexes(r auditRow) []string {
	keys := []string{s.auditKey("time"), s.auditKey("k:" + r.Kind)}
	if r.Session != "" {
		keys = append(keys, s.auditKey("s:"+r.Session))
	}
	if len(r.Principal) > 0 {
		keys = append(keys, s.auditKey("p:"+string(r.Principal)))
	}
	if len(r.Address) > 0 {
		keys = append(keys, s.auditKey("a:"+string(r.Address)))
	}
	return keys
}

// A bundle is members by the sets that they are in, as scripts take them.
type bundle struct {
	keys    []string
	members map[string][]string
}

func (b *bundle) add(key, member string) {
	if b.members == nil {
		b.members = map[string][]string{}
	}
	if _, there := b.members[key]; !there {
		b.keys = append(b.keys, key)
	}
	b.members[key] = append(b.members[key], member)
}

// index adds what the indexes have of a row.
func (b *bundle) index(s *Store, r auditRow) {
	member := ordered(r.At) + rowPlace(r.Writer, r.Seq)
	for _, key := range s.auditIndexes(r) {
		b.add(key, member)
	}
}

// args are how many members each key has, and these.
func (b *bundle) args(args []string) []string {
	for _, key := range b.keys {
		args = append(append(args, itoa(len(b.members[key]))), b.members[key]...)
	}
	return args
}

// scriptKeys are the keys with that of the heads in the second place.
func (b *bundle) scriptKeys(heads string) []string {
	return append([]string{b.keys[0], heads}, b.keys[1:]...)
}

// AppendAudit adds rows of the audit log, all or none, in one script: see audit.Sink.
// They are as durable as sessions are: see [Options.Durable]. A server whose memory is
// full answers [satra.ErrFull], and has then added none.
func (s *Store) AppendAudit(ctx context.Context, rows []auditRow) (added bool, err error) {
	if len(rows) == 0 {
		return true, nil
	}
	var b bundle
	for _, r := range rows {
		member, err := packAudit(r)
		if err != nil {
			return false, err
		}
		b.add(s.auditRowsKey(), member)
	}
	for _, r := range rows {
		b.index(s, r)
	}
	first, last := rows[0], rows[len(rows)-1]
	args := b.args([]string{first.Writer, itoa(last.At), rowPlace(first.Writer, first.Seq), rowPlace(last.Writer, last.Seq)})
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	n, err := s.run(ctx, auditAppend, b.scriptKeys(s.auditHeadsKey()), args).AsInt64()
	return n == 1, auditFault(ctx, err)
}

// cutAtOnce is how many rows one script removes, so that it does not keep others
// waiting.
const cutAtOnce = 250

// CutAudit removes the oldest rows of a writer, with what the indexes have of them, a
// few hundred with each script: see audit.Sink.
func (s *Store) CutAudit(ctx context.Context, writer string, through int64, limit int) (removed int, err error) {
	for removed < limit {
		n, looked, err := s.cutSome(ctx, writer, through, min(limit-removed, cutAtOnce))
		removed += n
		if err != nil || looked == 0 {
			return removed, err
		}
	}
	return removed, nil
}

// cutSome looks which rows are the oldest, and removes them if nobody else has.
func (s *Store) cutSome(ctx context.Context, writer string, through int64, limit int) (removed, looked int, err error) {
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer cancel()
	members, err := s.auditMembers(ctx, "["+writer+"\x00", "("+rowPlace(writer, through)+"\xff", limit)
	if err != nil || len(members) == 0 {
		return 0, 0, err
	}
	var b bundle
	for _, m := range members {
		b.add(s.auditRowsKey(), m)
	}
	for _, m := range members {
		b.index(s, unpackAudit(m))
	}
	n, err := s.run(ctx, auditCut, b.scriptKeys(s.auditHeadsKey()), b.args([]string{writer})).AsInt64()
	return int(n), len(members), auditFault(ctx, err)
}

// auditFault is the error of a call to the audit log.
func auditFault(ctx context.Context, err error) error {
	if denied(err) {
		return fmt.Errorf("redisstore: the server does not let its user keep an audit log; add to the user's rules: +zcount +zrange: %w", satra.ErrUnavailable)
	}
	return faultOrFull(ctx, err)
}

// errDisorder says that the rows are not in the order of their bytes.
var errDisorder = errors.New("redisstore: somebody has changed the rows of the audit log by hand: each of them had the score 0")
