package sqlitestore

import (
	"errors"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

func tookIn(t *testing.T, s *Store, r *satra.Record) {
	t.Helper()
	if changed, err := s.Import(t.Context(), r); !changed || err != nil {
		t.Fatalf("Import: changed %v, %v; want a change", changed, err)
	}
}

// What was over before it came here nobody is told of, in whichever process; what
// an import ends everybody is.
func TestAnImportTellsWhatItEnds(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	live := created(t, s)
	found(t, other, live.ID) // so that it is in the other's cache
	over, end := newRecord(), *live
	over.Ended = &satra.End{At: t0, Reason: satra.ReasonStolen}
	end.Version, end.Ended = 2, &satra.End{At: t0, Reason: satra.ReasonSignedOut}
	for _, node := range []*Store{s, other} {
		notices := make(chan satra.Notice, 10)
		go node.Watch(t.Context(), func(n satra.Notice) { notices <- n })
		<-notices // the Gap
		defer func() {
			if n := <-notices; n.ID != live.ID || n.Reason != satra.ReasonSignedOut {
				t.Errorf("the first notice is %+v, want the end of what lived", n)
			}
			if found(t, node, live.ID).Ended == nil {
				t.Error("after the notice the session is found live")
			}
		}()
	}
	tookIn(t, s, over)
	tookIn(t, s, &end)
}

func TestAnImportKeepsTheCapacity(t *testing.T) {
	s := opened(t, newPath(t), roomFor(4))
	oldest := created(t, s).ID
	for i, principal := range []string{"", "alice", "bob", "carol", "dora", "eve"} {
		r := newRecord()
		r.Seen, r.Principal = t0.Add(time.Second), principal
		changed, err := s.Import(t.Context(), r)
		if full := i == 5; full != errors.Is(err, satra.ErrFull) || changed == full {
			t.Errorf("import %d: changed %v, %v; want ErrFull at the last", i, changed, err)
		}
		counted(t, s)
	}
	if has(t, s, oldest) || counted(t, s).Records != 4 {
		t.Errorf("got %+v, the anonymous session that was used longest ago is there: %v", counted(t, s), has(t, s, oldest))
	}
}
