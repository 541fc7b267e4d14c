package sqlitestore

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// An epoch may be forgotten when no attempt can be under way that read the one
// before, and that a principal is disabled never.
func TestEpochsAreForgottenAfterADay(t *testing.T) {
	now := t0
	s := opened(t, newPath(t), &Options{Timeout: time.Minute, Now: func() time.Time { return now }})
	for _, e := range []satra.Ending{{Principal: "alice"}, {Principal: "bob", Access: satra.AccessDeny}} {
		e.At = t0
		if _, err := s.EndAll(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	state := func(name string) satra.PrincipalState {
		t.Helper()
		p, err := s.Principal(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	alice, bob := state("alice"), state("bob")
	for _, c := range []struct {
		now, before time.Duration
		kept        bool
	}{
		{24 * time.Hour, 24 * time.Hour, true},
		{48 * time.Hour, 0, true}, // the manager keeps tombstones for longer
		{24*time.Hour + time.Second, 24*time.Hour + time.Second, false},
	} {
		resume := pause(t, s)
		now = t0.Add(c.now)
		resume()
		if _, err := s.Sweep(t.Context(), t0.Add(c.before), 10); err != nil {
			t.Fatal(err)
		}
		want := alice
		if !c.kept {
			want = satra.PrincipalState{}
		}
		if got := state("alice"); got != want {
			t.Errorf("swept after %v what was over before %v: got %+v, want %+v", c.now, c.before, got, want)
		}
	}
	if got := state("bob"); got != bob || !got.Disabled {
		t.Errorf("a principal that is disabled: got %+v, want %+v", got, bob)
	}
	// An epoch that comes after one that was forgotten is another.
	if _, err := s.EndAll(t.Context(), satra.Ending{At: now, Principal: "alice"}); err != nil {
		t.Fatal(err)
	}
	if got := state("alice"); got.Epoch.Own <= alice.Epoch.Own {
		t.Errorf("the next epoch is %d, after %d", got.Epoch.Own, alice.Epoch.Own)
	}
}

// More than one transaction takes.
func TestEverybodyAndTheSweepGoThroughAll(t *testing.T) {
	s := opened(t, newPath(t), patient())
	const all = 2*chunk + 7
	manyCreated(t, s, all)
	ended, err := s.EndAll(t.Context(), satra.Ending{At: t0, Everybody: true, End: satra.End{At: t0, Reason: satra.ReasonAdministrator}})
	if err != nil || len(ended) != all {
		t.Errorf("ended %d of %d, %v", len(ended), all, err)
	}
	if state, _ := s.Principal(t.Context(), "alice"); state.Epoch.All == 0 {
		t.Error("the epoch of all was not raised")
	}
	for _, want := range []int{chunk + 3, chunk + 3, 1, 0} {
		n, err := s.Sweep(t.Context(), t0.Add(time.Second), chunk+3)
		if err != nil || n != want {
			t.Errorf("Sweep: %d, %v; want %d", n, err, want)
		}
	}
}

// Limits and endings hold across processes: each judges on what the file holds.
func TestTheLimitHoldsAcrossProcesses(t *testing.T) {
	path := newPath(t)
	nodes := []*Store{opened(t, path, patient()), opened(t, path, patient())}
	const callers, limit = 40, 3
	changes := make([]*satra.Change, callers)
	ids := make([]satra.ID, callers)
	for i := range callers {
		ids[i] = created(t, nodes[i%2]).ID
		changes[i] = &satra.Change{At: t0, SignIn: &satra.Binding{Principal: "alice", Limit: limit}}
	}
	var all sync.WaitGroup
	var done, denied atomic.Int32
	for i := range callers {
		all.Go(func() {
			_, err := nodes[i/2%2].Apply(t.Context(), ids[i], changes[i])
			switch {
			case err == nil:
				done.Add(1)
			case errors.Is(err, satra.ErrLimit):
				denied.Add(1)
			default:
				t.Errorf("a sign-in: %v", err)
			}
		})
	}
	all.Wait()
	if done.Load() != limit || denied.Load() != callers-limit {
		t.Errorf("%d signed in and %d were denied, want %d and %d", done.Load(), denied.Load(), limit, callers-limit)
	}
}

func TestQueriesUseTheirIndexes(t *testing.T) {
	s := opened(t, newPath(t), patient())
	alice := "alice"
	for _, c := range []struct {
		q    satra.Query
		want []string
	}{
		{satra.Query{Principal: &alice}, []string{"sessions_of_principal (principal=? AND id>?)"}},
		{satra.Query{Principal: &alice, Ended: true}, []string{"sessions_of_principal (principal=? AND id>?)", "sessions_ended_of_principal (principal=? AND id>?)"}},
		{satra.Query{}, []string{"sqlite_autoindex_sessions_1 (id>?)"}},
	} {
		query, args := pageQuery(c.q)
		plan := explained(t, s, query, args...)
		for _, want := range c.want {
			if !strings.Contains(plan, want) || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s\nis run as %q, want %q and no sorting", query, plan, want)
			}
		}
	}
	const want = "SEARCH principals USING COVERING INDEX principals_disabled (name>?)"
	if plan := explained(t, s, findDisabled, "alice", 10); plan != want {
		t.Errorf("%s\nis run as %q, want %q", findDisabled, plan, want)
	}
}

// explained returns how SQLite runs a query.
func explained(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.readerDB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	return strings.Join(plan, "; ")
}
