package sqlitestore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/satra-sessions/satra"
)

// The child is this test program, run again: it works on the file that the
// variable names until it is killed.
const childVariable = "SQLITESTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		workers, _ := strconv.Atoi(os.Getenv(childVariable + "_WORKERS"))
		lives, _ := strconv.Atoi(os.Getenv(childVariable + "_LIVES"))
		child(path, workers, lives)
		return
	}
	os.Exit(m.Run())
}

// child makes changes from several goroutines, and writes a line for each one
// that was acknowledged, when it was.
func child(path string, workers, lives int) {
	s, err := Open(path, patient())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n := range lives {
				if err := s.oneLife(fmt.Sprint("user", w), n); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		})
	}
	all.Wait()
}

// oneLife is that of a session, from its creation to its end, unless it is one
// that stays.
func (s *Store) oneLife(principal string, n int) error {
	ctx := context.Background()
	told := func(what string, id satra.ID, value int, err error) error {
		if err == nil {
			_, err = fmt.Printf("%s %s %d\n", what, id, value)
		}
		return err
	}
	r := newRecord()
	if err := told("created", r.ID, 0, s.Create(ctx, r)); err != nil {
		return err
	}
	state, err := s.Principal(ctx, principal)
	if err == nil {
		_, err = s.Apply(ctx, r.ID, &satra.Change{At: t0, SignIn: &satra.Binding{
			Principal: principal, Secret: r.Secret, Epoch: state.Epoch, Limit: 5, EndOldest: true, LimitEnd: satra.End{At: t0, Reason: satra.ReasonLimit}}})
	}
	if err := told("signed", r.ID, 0, err); err != nil {
		return err
	}
	for value := 1; value <= 3; value++ {
		_, err := s.Apply(ctx, r.ID, setValue("n", strconv.Itoa(value)))
		if err := told("set", r.ID, value, err); err != nil {
			return err
		}
	}
	renew := &satra.Renew{Old: r.Secret, New: satra.Hash{1}, Successor: []byte("sealed"), Keep: 1}
	_, err = s.Apply(ctx, r.ID, &satra.Change{At: t0, Renew: renew})
	if err := told("renewed", r.ID, 0, err); err != nil {
		return err
	}
	switch n % 4 {
	case 0:
		_, err = s.Apply(ctx, r.ID, ending(satra.ReasonSignedOut))
		return told("ended", r.ID, 0, err)
	case 1:
		ended, err := s.EndAll(ctx, satra.Ending{At: t0, Principal: principal, End: satra.End{At: t0, Reason: satra.ReasonElsewhere}})
		lines := ""
		for _, e := range ended {
			lines += fmt.Sprintf("ended %s 0\n", e.ID)
		}
		if err == nil && lines != "" {
			_, err = os.Stdout.WriteString(lines)
		}
		return err
	}
	return nil
}

// What is expected of a session whose changes were acknowledged.
type expected struct {
	created, signed, renewed, ended bool
	value                           int
}

func (x *expected) note(what string, value int) {
	switch what {
	case "created":
		x.created = true
	case "signed":
		x.signed = true
	case "set":
		x.value = value
	case "renewed":
		x.renewed = true
	case "ended":
		x.ended = true
	}
}

// command is one that runs the child, with another command before it or none.
func command(t *testing.T, path string, workers, lives int, before ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(before, self)
	c := exec.CommandContext(t.Context(), args[0], args[1:]...)
	c.Env = append(os.Environ(), childVariable+"="+path,
		fmt.Sprintf("%s_WORKERS=%d", childVariable, workers), fmt.Sprintf("%s_LIVES=%d", childVariable, lives))
	c.Stderr = os.Stderr
	return c
}

func rounds(short, long int) int {
	if os.Getenv("SATRA_LONG") != "" {
		return long
	}
	return short
}

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	for round := range rounds(3, 20) {
		path := newPath(t)
		all := killed(t, path, 100+rand.IntN(1200))
		s := opened(t, path, patient())
		for id, want := range all {
			survived(t, s, id, want)
		}
		t.Logf("round %d: %d sessions", round, len(all))
		closed(t, s)
	}
}

// killed runs the child until it has acknowledged so many changes and kills it,
// and returns what it has acknowledged until then.
func killed(t *testing.T, path string, after int) map[satra.ID]*expected {
	t.Helper()
	c := command(t, path, 8, 1_000_000)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	all := map[satra.ID]*expected{}
	lines := bufio.NewReader(out)
	for n := 0; ; n++ {
		if n == after {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var what, text string
		var value int
		if _, err := fmt.Sscan(line, &what, &text, &value); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		id, err := satra.ParseID(text)
		if err != nil {
			t.Fatal(err)
		}
		if all[id] == nil {
			all[id] = &expected{}
		}
		all[id].note(what, value)
	}
	if err := c.Wait(); err == nil || c.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return all
}

func survived(t *testing.T, s *Store, id satra.ID, want *expected) {
	t.Helper()
	r, err := s.Find(t.Context(), id, satra.Fresh)
	if err != nil {
		t.Fatalf("a session that was acknowledged: %v", err)
	}
	if want.ended && r.Ended == nil {
		t.Errorf("a session that was ended lives")
	}
	if want.signed && r.Principal == "" {
		t.Errorf("a session that was signed in is anonymous")
	}
	if r.Ended != nil {
		if len(r.Values) > 0 {
			t.Errorf("an ended session has values")
		}
		return
	}
	if got, _ := strconv.Atoi(value(r, "n")); got < want.value {
		t.Errorf("a session has the value %d, and %d was acknowledged", got, want.value)
	}
	if want.renewed && (r.Secret != satra.Hash{1} || len(r.Retired) == 0) {
		t.Errorf("a renewal that was acknowledged is lost")
	}
}
