// Package auditkill kills processes that write an audit log, and holds what is left
// against what they had been told was written.
package auditkill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/cmd/internal/backend"
	"github.com/satra-sessions/satra/cmd/internal/storename"
	"github.com/satra-sessions/satra/internal/testserver"
)

// The environment by which this test's program is the one that is killed: where its
// files are, and the store of the log.
const (
	folder = "SATRA_AUDITKILL_FOLDER"
	store  = "SATRA_AUDITKILL_STORE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(folder); dir != "" {
		fmt.Fprintln(os.Stderr, write(dir, os.Getenv(store)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const writers = 16

// write records entries until it is killed, and says of each that it is written.
func write(dir, store string) error {
	keys, err := audit.ReadKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	s, err := openStore(context.Background(), store)
	if err != nil {
		return err
	}
	points, err := audit.OpenCheckpointFile(filepath.Join(dir, "heads"))
	if err != nil {
		return err
	}
	l, err := audit.Open(context.Background(), s.Store.(audit.Sink), &audit.Options{Keys: keys, HeadsEvery: 10 * time.Millisecond, Checkpoints: points})
	if err != nil {
		return err
	}
	var said sync.Mutex
	failed := make(chan error)
	for w := range writers {
		go func() {
			for i := 0; ; i++ {
				detail := fmt.Sprintf("%d/%d/%d", os.Getpid(), w, i)
				if err := l.Record(context.Background(), audit.Entry{Kind: "act", Principal: fmt.Sprint("p", w), Detail: detail}); err != nil {
					failed <- err
					return
				}
				said.Lock()
				fmt.Println(detail)
				said.Unlock()
			}
		}()
	}
	return <-failed
}

func openStore(ctx context.Context, name string) (*backend.Store, error) {
	parsed, err := storename.Parse(name, "")
	if err != nil {
		return nil, err
	}
	return backend.OpenPatient(ctx, parsed)
}

// TestWhatWasAcknowledgedSurvivesAKill kills ten processes in turn at random moments,
// each on what the one before has left.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	killAll(t, dir, "sqlite:"+filepath.Join(dir, "audit.db"), 10)
}

func TestWhatRedisAcknowledgedSurvivesAKill(t *testing.T) {
	killAll(t, t.TempDir(), testserver.StartRedis(t, true).URL(), 5)
}

// killAll kills so many processes and looks what there is.
func killAll(t *testing.T, dir, name string, kills int) {
	t.Helper()
	if _, err := audit.CreateKeys(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	for range kills {
		for _, detail := range killed(t, dir, name, 20+rand.IntN(400)) {
			acknowledged[detail] = true
		}
	}
	keys, err := audit.ReadKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStore(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := audit.NewReader(s.Store.(audit.Sink), keys)
	f, err := os.Open(filepath.Join(dir, "heads"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	points, err := audit.ReadCheckpoints(f)
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Verify(t.Context(), points, nil)
	if err != nil || len(report.Findings) > 0 || report.Chains != kills || report.Checkpoints == 0 {
		t.Errorf("after %d kills: %+v, %v; want as many chains and no finding", kills, report, err)
	}
	found := map[string]int{}
	filter := audit.Filter{Kind: "act", Oldest: true, Limit: 1000}
	for {
		page, err := r.Entries(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			found[e.Detail]++
		}
		if len(page) < filter.Limit {
			break
		}
		filter.After = page[len(page)-1]
	}
	for detail := range acknowledged {
		if found[detail] != 1 {
			t.Errorf("the entry %s was acknowledged, and is there %d times", detail, found[detail])
		}
	}
	t.Logf("%d acknowledged, %d there, %d entries in all", len(acknowledged), len(found), report.Entries)
}

// killed starts a process, kills it after so many acknowledgements, and returns them
// and those that were under way.
func killed(t *testing.T, dir, name string, after int) (said []string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), folder+"="+dir, store+"="+name)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said = append(said, lines.Text()); len(said) == after {
			if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
	}
	c.Wait()
	if len(said) < after {
		t.Fatalf("the process ended by itself after %d: %s", len(said), errs.String())
	}
	return said
}
