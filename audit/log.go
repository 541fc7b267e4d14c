package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// Options of a [Log]. Keys is required.
type Options struct {
	// Keys vouch for the entries and hide what is personal in them.
	Keys *Ring

	// Node names the machine or the program in the chain's name. Default the
	// host's name.
	Node string

	// RequestID tells the ID of the request that a context is of, or "".
	RequestID func(context.Context) string

	// Queue is how many entries wait for the sink at most. Default 4096. Beyond
	// it sign-ins are refused and what may be missing is counted instead of kept;
	// ends are always taken, and there are no more of them than sessions.
	Queue int

	// Window is for how long refusals of one kind from one network are counted
	// together, as one entry. Default 10 seconds.
	Window time.Duration

	// HeadsEvery is how often the log notes where the other nodes' chains stand,
	// and tells Checkpoints. Default 1 minute.
	HeadsEvery time.Duration

	// Checkpoints keep where the chains stand in another place. nil: none, and
	// whoever can write to the sink can cut off the ends of all chains at once.
	Checkpoints Checkpoints

	// Retention is how long entries are kept. Default 365 days; [satra.Never]
	// keeps them for ever.
	Retention time.Duration

	// Copy is told of every entry once the sink has it, in order and on one
	// goroutine: for a second log, or for detection.
	Copy func(Entry)

	// Problem is told what goes wrong beside the requests. Default: slog, at
	// level Error.
	Problem func(error)

	// Now is a clock for tests. Default time.Now.
	Now func() time.Time
}

// A Log records what happens, for good: it is told by a manager
// ([Log.Observe], [Log.Before]) and by the application ([Log.Record],
// [Log.Act]), and it is a [Reader] of what was recorded. It is safe for concurrent
// use.
type Log struct {
	*Reader
	o      Options
	queue  *queue
	writer string
	people *people

	// What the writing goroutine owns.
	chain   *chain
	pending *pending
	noted   map[string]int64 // how far the other chains were when that was noted
	moved   bool             // this chain has entries since then that are not about chains
	headsAt time.Time        // when that was noted
	told    int64            // the Seq of this chain that checkpoints know
	failing bool

	stop   context.CancelFunc
	ended  chan struct{}
	closed sync.Once
	err    error // of the end
}

// Open begins a chain in the sink and starts to record. The first entry names
// where the other chains stand. Close ends it.
//
// Errors: options that are missing, and those of the sink.
func Open(ctx context.Context, sink Sink, o *Options) (*Log, error) {
	l, err := prepare(sink, o)
	if err != nil {
		return nil, err
	}
	heads, err := l.othersHeads(ctx, 0)
	if err == nil {
		d := draft{entry: Entry{At: l.o.Now(), Kind: KindOpened, Detail: l.o.Node}, marks: heads}
		err = l.append(ctx, []draft{d})
	}
	if err != nil {
		return nil, fmt.Errorf("audit: a chain cannot be begun: %w", err)
	}
	l.note(heads)
	l.headsAt = l.o.Now()
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.run(run)
	return l, nil
}

func prepare(sink Sink, o *Options) (*Log, error) {
	if sink == nil || o == nil || o.Keys == nil {
		return nil, errors.New("audit: Open: a sink and Options.Keys are required")
	}
	l := &Log{o: *o, noted: map[string]int64{}, ended: make(chan struct{})}
	if l.o.Node == "" {
		l.o.Node, _ = os.Hostname()
	}
	setDefault(&l.o.Queue, 4096)
	setDefault(&l.o.Window, 10*time.Second)
	setDefault(&l.o.HeadsEvery, time.Minute)
	setDefault(&l.o.Retention, 365*24*time.Hour)
	if l.o.Problem == nil {
		l.o.Problem = func(err error) { slog.Error("audit", "error", err) }
	}
	if l.o.Now == nil {
		l.o.Now = time.Now
	}
	l.Reader = NewReader(sink, o.Keys)
	l.queue = newQueue(l.o.Queue, l.o.Window)
	l.people = newPeople(sink, o.Keys, l.o.Now, l.o.Problem)
	name := strings.ReplaceAll(ascii(l.o.Node, 64), "/", "-")
	l.writer = name + "/" + strings.ToLower(rand.Text()[:16])
	l.chain = newChain(l.writer, o.Keys.active())
	return l, nil
}

func setDefault[T int | time.Duration](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

// Writer names the log's own chain.
func (l *Log) Writer() string { return l.writer }

// Observe records a manager's event; it is one of [satra.Options.Observers]. It does
// not wait for the sink.
func (l *Log) Observe(ctx context.Context, e satra.Event) {
	entry := Entry{
		At: e.At, Kind: e.Kind, Session: e.Session, Principal: e.Principal, Actor: e.Actor, Reason: e.Reason,
		Address: e.Client.Addr, UserAgent: e.UserAgent, Method: e.Method, Path: e.Path, Request: l.requestID(ctx),
		Detail: cmp.Or(e.Detail, causeOf(ctx)),
	}
	if e.Err != nil {
		entry.Error = e.Err.Error()
	}
	if e.Actor == e.Principal {
		entry.Actor = ""
	}
	l.keep(item{draft: draft{entry: entry.bounded()}})
}

// keep puts an entry into the queue that nobody waits for.
func (l *Log) keep(it item) {
	if err := l.queue.put(it, l.o.Now()); err != nil {
		l.o.Problem(fmt.Errorf("audit: %s of the session %s is not written: %w", it.draft.entry.Kind, it.draft.entry.Session, err))
	}
}

// intentPatience is how long an end waits for its intent to be written. It needs
// only one of intent and outcome, and proceeds without.
const intentPatience = time.Second

// Before is for [satra.Options.Before]. It refuses a sign-in with
// [satra.ErrUnavailable] while there is no room for its entry, and writes an
// administrator's act down before it is done. An end always proceeds.
func (l *Log) Before(ctx context.Context, a satra.Act) error {
	switch a.Kind {
	case satra.EventSignedIn, satra.EventReauthenticated:
		if !l.queue.hasRoom() {
			return errNoRoom
		}
	default:
		if a.Actor == "" || a.Actor == a.Principal {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, intentPatience)
		defer cancel()
		err := l.Record(ctx, Entry{
			Kind: a.Kind, Session: a.Session, Principal: a.Principal, Actor: a.Actor, Reason: a.Reason,
			Address: a.Client.Addr, Outcome: Intent, Detail: causeOf(ctx),
		})
		if err != nil {
			l.o.Problem(fmt.Errorf("audit: the intent of an act is not written yet: %w", err))
		}
	}
	return nil
}

// Because returns a context for acts of the manager that have a cause: the entries of
// what is done with it, its intent and its outcome, say so in Detail.
//
//	err := sessions.End(audit.Because(ctx, "finding: two networks in turn"), id, end)
func Because(ctx context.Context, cause string) context.Context {
	return context.WithValue(ctx, causeKey{}, cause)
}

type causeKey struct{}

func causeOf(ctx context.Context) string {
	cause, _ := ctx.Value(causeKey{}).(string)
	return cause
}

// Record writes an entry of the application's own, and returns when the sink has
// it. Its time, request and count are filled in where they are missing.
//
// Errors: the context's, after which the entry may be written all the same;
// [satra.ErrUnavailable] if there is no room for it; [ErrClosed].
func (l *Log) Record(ctx context.Context, e Entry) error {
	if e.At.IsZero() {
		e.At = l.o.Now()
	}
	if e.Request == "" {
		e.Request = l.requestID(ctx)
	}
	return l.record(ctx, draft{entry: e.bounded()})
}

// Note writes an entry of the application's own without waiting for the sink: also
// from [Options.Copy], where Record would wait for itself, and while Close writes what
// waits. After that it is lost.
func (l *Log) Note(e Entry) {
	if e.At.IsZero() {
		e.At = l.o.Now()
	}
	l.keep(item{draft: draft{entry: e.bounded()}, late: true})
}

// Flush writes what waits, the refusals that are being counted among it, and returns
// when the sink has it. For what comes meanwhile it waits, too.
//
// Errors: the context's; [ErrClosed], also if the log ended before all of it was written.
func (l *Log) Flush(ctx context.Context) error {
	flushed, err := l.queue.flush()
	if err != nil {
		return err
	}
	select {
	case err := <-flushed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Log) record(ctx context.Context, d draft) error {
	written := make(chan error, 1)
	if err := l.queue.put(item{draft: d, written: written}, l.o.Now()); err != nil {
		return err
	}
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Act does something for an administrator: the intent is written before, and what
// became of it afterwards. What cannot be written down beforehand is not done.
//
// Errors: those of Record, before anything was done; those of do. That the outcome
// could not be written is told to [Options.Problem] alone: the intent stands.
func (l *Log) Act(ctx context.Context, e Entry, do func(context.Context) error) error {
	return l.act(ctx, draft{entry: e}, do)
}

func (l *Log) act(ctx context.Context, d draft, do func(context.Context) error) error {
	write := func(ctx context.Context, outcome Outcome, failed error) error {
		e := d.entry
		e.At, e.Outcome, e.Request = l.o.Now(), outcome, l.requestID(ctx)
		if failed != nil {
			e.Error = failed.Error()
		}
		return l.record(ctx, draft{entry: e.bounded(), about: d.about, marks: d.marks})
	}
	if err := write(ctx, Intent, nil); err != nil {
		return fmt.Errorf("audit: nothing was done, because it cannot be written down: %w", err)
	}
	err := do(ctx)
	outcome := Done
	if err != nil {
		outcome = Failed
	}
	later, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if missed := write(later, outcome, err); missed != nil {
		l.o.Problem(fmt.Errorf("audit: an outcome is not written: %w", missed))
	}
	return err
}

func (l *Log) requestID(ctx context.Context) string {
	if l.o.RequestID == nil {
		return ""
	}
	return l.o.RequestID(ctx)
}

// ErrClosed says that the log takes no more entries.
var ErrClosed = errors.New("audit: the log is closed")

// Close writes what waits, ends the chain and the log's goroutine. What cannot be
// written before ctx is done is lost, and that is the error. Later calls return the
// same.
func (l *Log) Close(ctx context.Context) error {
	l.closed.Do(func() {
		l.queue.close()
		select {
		case <-l.ended:
		case <-ctx.Done():
			l.stop()
			<-l.ended
		}
		l.stop()
	})
	return l.err
}
