package redisstore

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestNumbersSortAsTheirBytesDo(t *testing.T) {
	all := []int64{math.MinInt64, -1 << 40, -256, -1, 0, 1, 255, 256, 1 << 40, math.MaxInt64}
	var texts []string
	for _, n := range all {
		texts = append(texts, ordered(n))
		if got := number(ordered(n)); got != n {
			t.Errorf("got %d, want %d", got, n)
		}
	}
	if !slices.IsSorted(texts) {
		t.Errorf("%q: want them in order", texts)
	}
}

func TestARowThatCannotBeKeptIsRefused(t *testing.T) {
	for _, edit := range []func(*auditRow){
		func(r *auditRow) { r.Writer = "" },
		func(r *auditRow) { r.Writer = "a\x00b" },
		func(r *auditRow) { r.Writer = "a b" },
		func(r *auditRow) { r.Writer = "ä" },
		func(r *auditRow) { r.Kind = strings.Repeat("k", 256) },
		func(r *auditRow) { r.Principal = make([]byte, 256) },
	} {
		r := auditRowOf("w", 1)
		edit(&r)
		if _, err := packAudit(r); err == nil {
			t.Errorf("got no error of %+v", r)
		}
	}
	long := auditRowOf("w", 1)
	long.Kind, long.MAC = strings.Repeat("k", 255), bytes.Repeat([]byte{9}, 255)
	member, err := packAudit(long)
	if got := unpackAudit(member); err != nil || !reflect.DeepEqual(got, long) {
		t.Errorf("got %+v, %v, want %+v", got, err, long)
	}
}

// FuzzAuditRow reads what somebody may have written into the set of rows.
func FuzzAuditRow(f *testing.F) {
	member, err := packAudit(auditRowOf("w", 1))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{member, member[:20], "", "w", "\x00", "w\x00", rowPlace("w", 2) + "\x01", rowPlace("w", 2) + "\x01" + ordered(5) + "\xff" + strings.Repeat("k", 255)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, member string) {
		r := unpackAudit(member)
		again, err := packAudit(r)
		if err != nil {
			return // not a writer's
		}
		if got := unpackAudit(again); !reflect.DeepEqual(normal(got), normal(r)) {
			t.Errorf("%q: got %+v, want %+v", member, got, r)
		}
		if len(r.MAC) > 0 && again != member {
			t.Errorf("%q has something that is not in its row %+v", member, r)
		}
	})
}

// normal makes no difference between what is empty and what is not there.
func normal(r auditRow) auditRow {
	for _, b := range []*[]byte{&r.Principal, &r.Address, &r.Body, &r.MAC} {
		*b = append([]byte{}, *b...)
	}
	return r
}
