// Satra is the command line for those who run Satra.
//
//	satra store check redis://localhost:6379/0
//	satra store copy sqlite:./data/sessions.db postgres://app@localhost/app
//	satra keys new -file ./data/keys.json
//	satra audit verify -store sqlite:./data/audit.db
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// The exit codes.
const (
	exitOK      = 0
	exitProblem = 1   // it was done, or tried, and something is wrong
	exitUsage   = 2   // the command was not understood
	exitStopped = 130 // a signal ended it
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// A command is one that the program knows.
type command struct {
	name  string // "store check"
	args  string // "URL"
	about string
	run   func(ctx context.Context, c *call) error
}

// A call is a command as it was given.
type call struct {
	command
	flags          *flag.FlagSet
	args           []string
	stdout, stderr io.Writer
}

var commands = []command{
	{"store check", "STORE", "look at a store: can it be reached, does it keep what it acknowledges", storeCheck},
	{"store copy", "FROM TO", "copy the sessions of one store to another, while the application runs", storeCopy},
	{"keys new", "", "add a key to the file of keys that seal sessions' values, or make the file", keysNew},
	{"keys list", "", "tell which keys there are, which one seals, and how many sessions need each", keysList},
	{"keys retire", "ID", "take a key out of use: what was sealed with it opens no more", keysRetire},
	{"audit verify", "", "tell whether the audit log is as it was written, and if not, where", auditVerify},
	{"audit tail", "", "show the last entries of the audit log, and with -f what comes", auditTail},
	{"audit show", "", "show entries by principal, session, address, kind and time", auditShow},
	{"audit export", "", "write entries as lines of JSON, or as a table for spreadsheets", auditExport},
	{"audit erase", "PRINCIPAL", "make what the log tells of somebody unreadable, for good", auditErase},
	{"detect replay", "FILE|STORE", "tell what the rules of detection would have found in a saved audit log", detectReplay},
	{"audit key", "", "add a key to the audit log's file of keys, or make the file", auditKey},
}

// errUsage says that a command was not understood; what is wrong was said.
var errUsage = errors.New("usage")

// errProblems says that the command found something wrong, and said what.
var errProblems = errors.New("there are problems")

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	if len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help") {
		usage(stdout)
		return exitOK
	}
	c, rest, err := find(args)
	if err != nil {
		fmt.Fprintf(stderr, "satra: %v\n\n", err)
		usage(stderr)
		return exitUsage
	}
	err = c.run(ctx, &call{command: c, args: rest, stdout: stdout, stderr: stderr})
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, errProblems):
		return exitProblem
	case ctx.Err() != nil:
		fmt.Fprintf(stderr, "satra: %s: stopped\n", c.name)
		return exitStopped
	}
	fmt.Fprintf(stderr, "satra: %s: %v\n", c.name, err)
	return exitProblem
}

// find returns the command that the arguments begin with, and the rest.
func find(args []string) (command, []string, error) {
	for _, c := range commands {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return c, args[len(words):], nil
		}
	}
	given := strings.Join(args[:min(len(args), 2)], " ")
	return command{}, nil, fmt.Errorf("there is no command %q", given)
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Usage:")
	for _, c := range commands {
		fmt.Fprintf(w, "  satra %-24s %s\n", c.name+" "+c.args, c.about)
	}
	fmt.Fprintln(w, "\nsatra COMMAND -h tells the flags of a command.")
}

// parse reads the flags, which may stand before, between and behind the n
// arguments that the command wants.
func (c *call) parse(n int, define func(*flag.FlagSet)) error {
	c.flags = flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.flags.SetOutput(io.Discard)
	define(c.flags)
	given := c.args
	c.args = nil
	for {
		err := c.flags.Parse(given)
		if errors.Is(err, flag.ErrHelp) {
			c.help(c.stdout)
			return flag.ErrHelp
		}
		if err != nil {
			return c.misused("%v", err)
		}
		if given = c.flags.Args(); len(given) == 0 {
			break
		}
		c.args, given = append(c.args, given[0]), given[1:]
	}
	if len(c.args) != n {
		return c.misused("wants %s, and got %d arguments", cmp.Or(c.command.args, "none"), len(c.args))
	}
	return nil
}

// misused says what is wrong with the command as it was given.
func (c *call) misused(format string, args ...any) error {
	fmt.Fprintf(c.stderr, "satra: %s: %s\n\n", c.name, fmt.Sprintf(format, args...))
	c.help(c.stderr)
	return errUsage
}

func (c *call) help(w io.Writer) {
	usage := strings.TrimSpace(fmt.Sprintf("satra %s [flags] %s", c.name, c.command.args))
	fmt.Fprintf(w, "Usage: %s\n\n  %s\n", usage, c.about)
	some := false
	c.flags.VisitAll(func(*flag.Flag) { some = true })
	if some {
		fmt.Fprintln(w, "\nFlags:")
		c.flags.SetOutput(w)
		c.flags.PrintDefaults()
		c.flags.SetOutput(io.Discard)
	}
}
