package audit

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

var noon = time.Date(2027, 1, 5, 12, 0, 0, 123456000, time.UTC)

func newTestRing(t testing.TB, n int) *Ring {
	t.Helper()
	var keys []Key
	for range n {
		keys = append(keys, NewKey())
	}
	ring, err := NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// fullEntry has something in every field.
func fullEntry() Entry {
	return Entry{
		At: noon, Kind: satra.EventEnded, Session: satra.ID{1, 2, 3}, Principal: "asha\xff", Actor: "operator",
		Reason: satra.ReasonAdministrator, Address: netip.MustParseAddr("203.0.113.7"), UserAgent: "Firefox",
		Method: "POST", Path: "/end", Request: "req-1", Detail: "lost phone", Error: "none", Outcome: Done, Count: 3,
	}
}

func TestAnEntryIsReadBack(t *testing.T) {
	ring := newTestRing(t, 2)
	c := newChain("w", ring.active())
	person := newAEAD(bytes.Repeat([]byte{7}, 32))
	for _, want := range []Entry{fullEntry(), {At: noon, Kind: "created", Count: 1}, {At: noon, Kind: "x", Detail: "only this", Count: 1}} {
		aead := person
		if want.Principal == "" {
			aead = nil
		}
		row := c.next(draft{entry: want.bounded()}, aead)
		c.advance(row)
		want.Writer, want.Seq = "w", row.Seq
		if got := ring.entry(row, aead); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestADumpNamesNobody(t *testing.T) {
	ring := newTestRing(t, 1)
	row := newChain("w", ring.active()).next(draft{entry: fullEntry()}, newAEAD(make([]byte, 32)))
	dump := bytes.Join([][]byte{[]byte(row.Kind), []byte(row.Session), row.Principal, row.Address, row.Body, row.MAC}, nil)
	for _, name := range []string{"asha", "operator", "203.0.113.7", "\xcb\x00\x71\x07", "Firefox", "/end", "lost phone"} {
		if bytes.Contains(dump, []byte(name)) {
			t.Errorf("the row tells %q", name)
		}
	}
	other := newTestRing(t, 1)
	if bytes.Equal(row.Principal, other.active().principalIndex("asha\xff")) {
		t.Error("a blind index does not depend on the key")
	}
}

func TestAnEntryWithoutItsKeyIsErasedAndVerifies(t *testing.T) {
	ring := newTestRing(t, 1)
	row := newChain("w", ring.active()).next(draft{entry: fullEntry()}, newAEAD(make([]byte, 32)))
	got := ring.entry(row, nil)
	want := fullEntry()
	want.Principal, want.Actor, want.UserAgent, want.Path, want.Detail, want.Error = "", "", "", "", "", ""
	want.Address = netip.Addr{}
	want.Erased, want.Writer, want.Seq = true, "w", 1
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryColumnIsCovered(t *testing.T) {
	ring := newTestRing(t, 1)
	row := newChain("w", ring.active()).next(draft{entry: fullEntry()}, newAEAD(make([]byte, 32)))
	for column, edit := range edits {
		changed := row
		edit(&changed)
		if got := ring.entry(changed, nil); got.Doubt != DoubtAltered {
			t.Errorf("%s was edited: got doubt %q, want %q", column, got.Doubt, DoubtAltered)
		}
	}
	for i := range row.Body {
		changed := row
		changed.Body = bytes.Clone(row.Body)
		changed.Body[i] ^= 1
		if got := ring.entry(changed, nil); got.Doubt == "" {
			t.Errorf("byte %d of the body was edited, and nobody noticed", i)
		}
	}
	if got := newTestRing(t, 1).entry(row, nil); got.Doubt != DoubtKey {
		t.Errorf("with another key: got doubt %q, want %q", got.Doubt, DoubtKey)
	}
}

// edits change each column of a row.
var edits = map[string]func(*Row){
	"Writer":    func(r *Row) { r.Writer += "x" },
	"Seq":       func(r *Row) { r.Seq += 1000 },
	"At":        func(r *Row) { r.At++ },
	"Kind":      func(r *Row) { r.Kind = "renewed" },
	"Session":   func(r *Row) { r.Session = satra.ID{9}.String() },
	"Principal": func(r *Row) { r.Principal = bytes.Repeat([]byte{1}, indexSize) },
	"Address":   func(r *Row) { r.Address = bytes.Repeat([]byte{1}, indexSize) },
	"Body":      func(r *Row) { r.Body = append(bytes.Clone(r.Body), 0) },
	"MAC":       func(r *Row) { r.MAC = bytes.Repeat([]byte{1}, macSize) },
}

// A sealed part opens in its own row alone, also by whoever has all keys.
func TestASealedPartIsBoundToItsPlace(t *testing.T) {
	ring := newTestRing(t, 1)
	person := newAEAD(make([]byte, 32))
	row := newChain("w", ring.active()).next(draft{entry: fullEntry()}, person)
	b, _, _ := ring.genuine(row)
	for _, at := range []Row{{Writer: "w", Seq: 2}, {Writer: "v", Seq: 1}} {
		var e Entry
		if e.unseal(person, b.sealed, at) {
			t.Errorf("it opened at %s/%d", at.Writer, at.Seq)
		}
	}
}

func TestStringsAreBounded(t *testing.T) {
	long := string(bytes.Repeat([]byte("ä"), 5000))
	e := Entry{
		Kind: satra.Kind("a b\n" + long), Reason: satra.Reason(long), Principal: long, Actor: long, UserAgent: "x" + long,
		Method: long, Path: "\xff" + long, Request: long, Detail: long, Error: long, Outcome: Outcome(long),
	}
	row := newChain("w", newTestRing(t, 1).active()).next(draft{entry: e.bounded()}, nil)
	if len(row.Body) > MaxBody || len(row.Kind) > 64 || row.Kind[:4] != "a?b?" {
		t.Errorf("got a body of %d bytes and kind %q", len(row.Body), row.Kind)
	}
	b := e.bounded()
	if len(b.UserAgent) > 512 || len(b.Detail) > 4096 || b.Path[:3] != "\uFFFD" || len(b.Principal) != 1024 {
		t.Errorf("got %d, %d, %q, %d", len(b.UserAgent), len(b.Detail), b.Path[:3], len(b.Principal))
	}
}

func FuzzDecodeBody(f *testing.F) {
	ring := newTestRing(f, 1)
	c := newChain("w", ring.active())
	f.Add(c.next(draft{entry: fullEntry(), marks: []mark{{writer: "v", seq: 7}}}, nil).Body)
	f.Add([]byte{bodyVersion})
	f.Fuzz(func(t *testing.T, text []byte) {
		if b, err := decodeBody(text); err == nil && !bytes.Equal(b.encode(), text) {
			t.Errorf("%x is decoded and encoded as %x", text, b.encode())
		}
		if p, err := decodePersonal(text); err == nil && !bytes.Equal(p.encode(), text) {
			t.Errorf("%x is decoded and encoded as %x", text, p.encode())
		}
	})
}
