package audit_test

import (
	"errors"
	"testing"

	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/audittest"
)

func TestMemoryIsASink(t *testing.T) {
	audittest.Run(t, audittest.Harness{
		Open: func(audittest.TB) audit.Sink { return audit.NewMemory(0) },
		Node: func(_ audittest.TB, s audit.Sink) audit.Sink { return s },
	})
}

func TestAMemoryIsBounded(t *testing.T) {
	m := audit.NewMemory(2)
	rows := []audit.Row{{Writer: "w", Seq: 1}, {Writer: "w", Seq: 2}, {Writer: "w", Seq: 3}}
	if _, err := m.AppendAudit(t.Context(), rows); !errors.Is(err, audit.ErrFull) {
		t.Errorf("three rows where there is room for two: got %v, want ErrFull", err)
	}
	if added, err := m.AppendAudit(t.Context(), rows[:2]); err != nil || !added {
		t.Errorf("two rows: got %v, %v, want true", added, err)
	}
}
