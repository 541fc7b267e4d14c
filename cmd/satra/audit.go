package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/cmd/internal/backend"
	"github.com/satra-sessions/satra/cmd/internal/progress"
	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// An auditLog is the log that a command is about, as its flags name it.
type auditLog struct {
	store, keys string

	backend *backend.Store
	sink    audit.Sink
	ring    *audit.Ring
}

func (l *auditLog) define(f *flag.FlagSet) {
	f.StringVar(&l.store, "store", "sqlite:"+filepath.Join("data", "audit.db"), "where the log is")
	f.StringVar(&l.keys, "keys", filepath.Join("data", "audit-keys"), "the file of the log's keys")
}

// open opens the log that is there, and makes none.
func (l *auditLog) open(ctx context.Context) error {
	name, err := parseStore(l.store)
	if err != nil {
		return err
	}
	if name.Kind == "sqlite" {
		if _, err := os.Stat(name.Path); err != nil {
			return fmt.Errorf("there is no log: %w", err)
		}
	}
	if l.ring, err = audit.ReadKeys(l.keys); err != nil {
		return err
	}
	if l.backend, err = backend.Open(ctx, name); err != nil {
		return fmt.Errorf("%s: %s", storename.Redact(l.store), oneLine(err))
	}
	sink, ok := l.backend.Store.(audit.Sink)
	if !ok {
		return errors.Join(fmt.Errorf("%s: this kind of store keeps no audit log", storename.Redact(l.store)), l.backend.Close())
	}
	l.sink = sink
	return nil
}

func (l *auditLog) reader() *audit.Reader { return audit.NewReader(l.sink, l.ring) }

// auditVerify holds the log against itself and against its checkpoints.
func auditVerify(ctx context.Context, c *call) (err error) {
	var l auditLog
	heads := filepath.Join("data", "audit-heads.jsonl")
	if err := c.parse(0, func(f *flag.FlagSet) {
		l.define(f)
		f.StringVar(&heads, "heads", heads, "the file that notes how far the log is; a program's log in JSON lines will do; empty: none")
	}); err != nil {
		return err
	}
	checkpoints, err := readHeads(c, heads)
	if err != nil {
		return err
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.backend.Close()) }()
	total, err := l.reader().Size(ctx)
	if err != nil {
		return err
	}
	bar, last := progress.New(c.stderr), -1
	report, err := l.reader().Verify(ctx, checkpoints, func(n int) {
		if n == last {
			return
		}
		last = n
		bar.Show("verifying", part(n, total), fmt.Sprintf("%d of about %d entries", n, total))
	})
	bar.End()
	if err != nil {
		return err
	}
	return tellReport(c, report)
}

func part(n int, total int64) float64 {
	if total == 0 {
		return 1
	}
	return float64(n) / float64(total)
}

// readHeads reads the checkpoints. That the usual file is not there is told, and no
// more: the log may be on another machine.
func readHeads(c *call, file string) ([]audit.Checkpoint, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	given := false
	c.flags.Visit(func(f *flag.Flag) { given = given || f.Name == "heads" })
	if errors.Is(err, fs.ErrNotExist) && !given {
		fmt.Fprintf(c.stdout, "! %s is not here: that the ends of all chains are missing would not be found\n", file)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	checkpoints, err := audit.ReadCheckpoints(f)
	if err == nil && len(checkpoints) == 0 {
		fmt.Fprintf(c.stdout, "! %s has no checkpoint\n", file)
	}
	return checkpoints, err
}

func tellReport(c *call, r *audit.Report) error {
	fmt.Fprintf(c.stdout, "%d entries in %d chains", r.Entries, r.Chains)
	if !r.First.IsZero() {
		fmt.Fprintf(c.stdout, ", from %s to %s", clock(r.First), clock(r.Last))
	}
	fmt.Fprintf(c.stdout, "; held against %d checkpoints\n", r.Checkpoints)
	if r.Cut > 0 {
		fmt.Fprintf(c.stdout, "%d chains were cut by retention, as the log itself tells\n", r.Cut)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(c.stdout, "! %s\n", f)
	}
	if len(r.Findings) > 0 {
		fmt.Fprintf(c.stdout, "%d findings: the log is not as it was written\n", len(r.Findings))
		return errProblems
	}
	fmt.Fprintln(c.stdout, "The log is as it was written.")
	return nil
}

// auditErase throws the keys of a principal away.
func auditErase(ctx context.Context, c *call) (err error) {
	var l auditLog
	var actor string
	if err := c.parse(1, func(f *flag.FlagSet) {
		l.define(f)
		f.StringVar(&actor, "actor", "", "who does it, for the log itself: required")
	}); err != nil {
		return err
	}
	if actor == "" {
		return c.misused("-actor is missing: the log tells who has erased")
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.backend.Close()) }()
	log, err := audit.Open(ctx, l.sink, &audit.Options{
		Keys: l.ring, Node: "satra-audit-erase",
		Retention: satra.Never, // how long the log is kept is for the program to say whose log it is
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close(context.WithoutCancel(ctx))) }()
	if err := log.Erase(ctx, c.args[0], actor); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "What the log told of %s cannot be read any more. Copies of the log and its keys that were made before still tell it, and so do entries about others in which they were the actor.\n", audit.Plain(c.args[0]))
	return nil
}

// auditKey adds a key.
func auditKey(_ context.Context, c *call) error {
	file := filepath.Join("data", "audit-keys")
	if err := c.parse(0, func(f *flag.FlagSet) { f.StringVar(&file, "keys", file, "the file of the log's keys") }); err != nil {
		return err
	}
	made, err := audit.CreateKeys(file)
	if err != nil {
		return err
	}
	if made {
		fmt.Fprintf(c.stdout, "%s was made. Whoever has it can write a log that verifies: keep it where those who can write to the log cannot.\n", file)
		return nil
	}
	id, err := audit.AddKey(file)
	if err == nil {
		fmt.Fprintf(c.stdout, "%s has a new key, %s, which each program uses from its next start. The others stay: without them older entries cannot be verified.\n", file, id)
	}
	return err
}
