package audit

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/satra-sessions/satra"
)

// A Reader reads the log. It is safe for concurrent use, and beside the logs that
// write to the sink.
type Reader struct {
	sink Sink
	ring *Ring
}

// NewReader returns a reader of what the sink holds, for a program that records
// nothing.
func NewReader(sink Sink, keys *Ring) *Reader { return &Reader{sink: sink, ring: keys} }

// A Filter says which entries to read. What is zero asks for nothing; what is set
// has to hold all together.
type Filter struct {
	Kind      satra.Kind
	Session   satra.ID
	Principal string
	Address   netip.Addr // exactly this one
	From      time.Time  // at this time or later
	Until     time.Time  // earlier than this

	// Oldest asks for the oldest first, instead of the newest.
	Oldest bool

	// After is the last entry of the page before, of which only At, Writer and Seq
	// count; the zero entry asks for the first page.
	After Entry

	// Limit is how many come at most: 1 to 1000, default 100.
	Limit int
}

// Entries returns a page of entries in the order of time. A page takes as long in a
// long log as in a short one. What was altered comes with a Doubt, and what was
// erased without its personal part.
//
// Errors: a limit that is none; those of the sink.
func (r *Reader) Entries(ctx context.Context, f Filter) ([]Entry, error) {
	if f.Limit == 0 {
		f.Limit = 100
	}
	if f.Limit < 1 || f.Limit > 1000 {
		return nil, fmt.Errorf("audit: a page of %d entries: want 1 to 1000", f.Limit)
	}
	var rows []Row
	for _, q := range r.queries(f) {
		page, err := r.sink.AuditRows(ctx, q)
		if err != nil {
			return nil, err
		}
		rows = append(rows, page...)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		if f.Oldest {
			return byTime(a, b)
		}
		return byTime(b, a)
	})
	return r.open(ctx, rows[:min(len(rows), f.Limit)])
}

// Entry returns the entry that is at a place of a chain, as findings and reports name
// it, and whether there is one.
func (r *Reader) Entry(ctx context.Context, writer string, seq int64) (e Entry, ok bool, err error) {
	rows, err := r.sink.AuditChain(ctx, writer, seq-1, 1)
	if err != nil || len(rows) == 0 || rows[0].Seq != seq {
		return e, false, err
	}
	all, err := r.open(ctx, rows)
	if err != nil {
		return e, false, err
	}
	return all[0], true, nil
}

// queries are what the sink is asked: once, or for each key by which a principal or
// an address may be indexed.
func (r *Reader) queries(f Filter) []Query {
	q := Query{Kind: string(f.Kind), Oldest: f.Oldest, Limit: f.Limit}
	if !f.Session.IsZero() {
		q.Session = f.Session.String()
	}
	if !f.From.IsZero() {
		q.From = f.From.UnixMicro()
	}
	if !f.Until.IsZero() {
		q.Until = f.Until.UnixMicro()
	}
	if f.After != (Entry{}) {
		after(&q, f.After)
	}
	if f.Principal == "" && !f.Address.IsValid() {
		return []Query{q}
	}
	var all []Query
	for _, k := range r.ring.keys {
		q.Principal, q.Address = k.principalIndex(clip(f.Principal, limits.name)), k.addressIndex(f.Address.Unmap().WithZone(""))
		all = append(all, q)
	}
	return all
}

// after has q go on behind an entry. One without a writer, which only somebody else
// can have put there, is no place that a query can name: what else is without one at
// that instant is passed over.
func after(q *Query, e Entry) {
	at := e.At.UnixMicro()
	if e.at != 0 {
		at = e.at
	}
	switch {
	case e.Writer != "":
		q.AfterAt, q.AfterWriter, q.AfterSeq = at, e.Writer, e.Seq
	case q.Oldest: // after all without a writer, before those with one
		q.AfterAt, q.AfterWriter, q.AfterSeq = at, " ", math.MaxInt64
	case q.Until == 0 || at < q.Until:
		if q.Until = at; at == 0 { // which would be no bound
			q.Until = -1
		}
	}
}

// open reads rows, with the keys of their principals.
func (r *Reader) open(ctx context.Context, rows []Row) ([]Entry, error) {
	persons, err := r.persons(ctx, rows)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(rows))
	for i, row := range rows {
		var aead cipher.AEAD
		if len(row.Principal) > 0 {
			aead = persons[string(ownerOf(row))]
		}
		entries[i] = r.ring.entry(row, aead)
	}
	return entries, nil
}

func ownerOf(row Row) []byte { return owner(row.Principal, time.UnixMicro(row.At)) }

func (r *Reader) persons(ctx context.Context, rows []Row) (map[string]cipher.AEAD, error) {
	var owners [][]byte
	persons := map[string]cipher.AEAD{}
	for _, row := range rows {
		if len(row.Principal) == 0 {
			continue
		}
		o := ownerOf(row)
		if _, asked := persons[string(o)]; !asked {
			persons[string(o)] = nil
			owners = append(owners, o)
		}
	}
	for part := range slices.Chunk(owners, maxBatch) {
		keys, err := r.sink.AuditKeys(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, w := range keys {
			if secret := r.ring.unwrapped(w.Owner, w.Key); secret != nil {
				persons[string(w.Owner)] = newAEAD(secret)
			}
		}
	}
	return persons, nil
}

// errNothing says that there is nothing to be done for nobody.
var errNothing = errors.New("audit: no principal is given")

// Erase throws the keys of a principal away, so that nobody reads the personal part
// of its entries any more: names, addresses, browsers, paths and details. The log
// stays verifiable, and still tells what happened when, to which session. Entries
// that come later have a new key; another node may seal some of the next minute with
// the old one, and they are erased as well. Entries about others in which the principal
// was the actor are theirs, and stay. Who else has a copy of the sink and the
// keys can read it still.
//
// It is an act of actor's: see [Log.Act].
func (l *Log) Erase(ctx context.Context, principal, actor string) error {
	if principal == "" {
		return errNothing
	}
	principal = clip(principal, limits.name)
	d := draft{entry: Entry{Kind: KindErased, Actor: actor}, about: principal}
	return l.act(ctx, d, func(ctx context.Context) error {
		for part := range slices.Chunk(l.owners(principal), maxBatch) {
			if _, err := l.sink.EraseAuditKeys(ctx, part); err != nil {
				return err
			}
		}
		l.people.forget()
		return nil
	})
}

// owners are all names under which keys of a principal may be, of whatever time its
// entries are: retention is another's to say, and may have been longer.
func (l *Log) owners(principal string) (all [][]byte) {
	since, until := time.Unix(0, 0), l.o.Now().Add(4*keyPeriod)
	for _, k := range l.ring.keys {
		index := k.principalIndex(principal)
		for at := since; !at.After(until); at = at.Add(keyPeriod) {
			all = append(all, owner(index, at))
		}
	}
	return all
}

// Size tells about how many entries there are, from the ends of the chains: for a
// progress bar, not for proof.
func (r *Reader) Size(ctx context.Context) (entries int64, err error) {
	for after := ""; ; {
		chains, err := r.sink.AuditChains(ctx, after, chainsAtOne)
		if err != nil {
			return 0, err
		}
		for _, c := range chains {
			entries += max(0, min(c.Last-c.First+1, 1<<40)) // somebody may have changed them
		}
		if len(chains) < chainsAtOne {
			return entries, nil
		}
		after = chains[len(chains)-1].Writer
	}
}
