package redisstore

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

//go:embed lua
var lua embed.FS

// A script is known to the server by its SHA-1, and sent in full when the server
// has forgotten it.
type script struct {
	text, sha string
	reads     bool // it changes no record
}

// newScript puts the files together. A file that is missing is a bug.
func newScript(names ...string) *script {
	var b strings.Builder
	for _, name := range names {
		text, err := lua.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err)
		}
		b.Write(text)
	}
	sum := sha1.Sum([]byte(b.String()))
	return &script{text: b.String(), sha: hex.EncodeToString(sum[:])}
}

func (sc *script) reading() *script {
	sc.reads = true
	return sc
}

var (
	createScript = newScript("record", "create")
	touchScript  = newScript("record", "touch")
	applyScript  = newScript("record", "apply")
	putScript    = newScript("put")
	swapScript   = newScript("record", "swap")
	headsScript  = newScript("record", "heads").reading()
	pruneScript  = newScript("prune").reading()
	probeScript  = newScript("probe")

	epochsScript  = newScript("principal", "epochs")
	reserveScript = newScript("principal", "reserve")
	settleScript  = newScript("principal", "settle")
	endAllScript  = newScript("principal", "endall")
	membersScript = newScript("principal", "members")
	keepScript    = newScript("principal", "keep")

	everybodyScript = newScript("principal", "everybody")
	raiseScript     = newScript("principal", "raise")
	takeoverScript  = newScript("principal", "takeover")
	doneScript      = newScript("principal", "done")
)

// A call is a script with its keys and arguments.
type call struct {
	*script
	keys, args []string
}

// run runs a script.
func (s *Store) run(ctx context.Context, sc *script, keys, args []string) rueidis.RedisResult {
	defer s.wrote(call{sc, keys, args})
	r := s.client.Do(ctx, s.client.B().Evalsha().Sha1(sc.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	if forgotten(r.Error()) {
		r = s.client.Do(ctx, s.client.B().Eval().Script(sc.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	}
	for try := 0; moving(r.Error()) && pauseBefore(ctx, try); try++ {
		r = s.client.Do(ctx, s.client.B().Eval().Script(sc.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	}
	return r
}

// runAll runs scripts at once, and answers in their order.
func (s *Store) runAll(ctx context.Context, calls []call) []rueidis.RedisResult {
	if len(calls) == 0 {
		return nil
	}
	defer s.wrote(calls...)
	commands := make(rueidis.Commands, len(calls))
	for i, c := range calls {
		commands[i] = s.client.B().Evalsha().Sha1(c.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
	}
	results := s.client.DoMulti(ctx, commands...)
	for i, c := range calls {
		if err := results[i].Error(); forgotten(err) || moving(err) {
			results[i] = s.run(ctx, c.script, c.keys, c.args)
		}
	}
	return results
}

// forgotten reports that the server does not know the script: it has done
// nothing, so that the same may be sent again.
func forgotten(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && e.IsNoScript()
}

// fault is the error of a call that failed: ErrUnavailable, unless the caller
// gave up.
func fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if context.Cause(ctx) != errTimeout && ctx.Err() != nil {
		return fmt.Errorf("redisstore: %w: %w", ctx.Err(), satra.ErrUnavailable)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("redisstore: the server did not answer in time: %w", satra.ErrUnavailable)
	}
	if denied(err) {
		return fmt.Errorf("redisstore: the server does not let its user do this any more: %w", satra.ErrUnavailable)
	}
	return fmt.Errorf("redisstore: %w: %w", err, satra.ErrUnavailable)
}

var errTimeout = errors.New("redisstore: Options.Timeout has passed")

// committed returns the context of a call that changes something. Once begun it
// is not cancelled: a command that was sent may be done after its caller has gone
// on, and then nobody knows what there is.
func (s *Store) committed(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil {
		return nil, nil, fault(ctx, ctx.Err())
	}
	ctx, cancel := s.bounded(context.WithoutCancel(ctx))
	return ctx, cancel, nil
}

// bounded returns the context of one call that reads.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.options.Timeout, errTimeout)
}

func itoa[T ~int | ~int64 | ~uint32 | ~uint64 | ~uint8](n T) string {
	return strconv.FormatInt(int64(n), 10)
}

// flag is an argument that is true or false.
func flag(is bool) string {
	if is {
		return "1"
	}
	return "0"
}
