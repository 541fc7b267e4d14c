package chrome

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take for anything before the test fails.
const patience = 20 * time.Second

// A Tab is one page in Chromium. Its methods fail the test instead of returning
// errors, and are for the test's goroutine only.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	expected []*regexp.Regexp
	errors   []string
	console  []string
}

// New opens a tab with cookies and storage of its own, which closes with the
// test.
func New(t testing.TB) *Tab {
	t.Helper()
	ctx, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, ctx, chromedp.WithNewBrowserContext())
}

// Sibling opens another tab that shares cookies and storage with tab.
func (tab *Tab) Sibling() *Tab {
	tab.t.Helper()
	return open(tab.t, tab.ctx)
}

func open(t testing.TB, parent context.Context, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	tab := &Tab{t: t}
	var cancel context.CancelFunc
	tab.ctx, cancel = chromedp.NewContext(parent, append(options, chromedp.WithListener(tab.listen))...)
	t.Cleanup(func() {
		cancel()
		for _, e := range tab.Errors() {
			t.Errorf("the page reports an error that the test does not expect: %s", e)
		}
	})
	tab.must("opening a tab", chromedp.Do(tab.ctx,
		// Tabs in the background believe that they have the focus: tests of
		// several tabs would depend on their order otherwise.
		call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})))
	return tab
}

// listen notes what goes wrong in the page. That the network log calls every
// status from 400 an error is left out: tests ask for such answers.
func (tab *Tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		d := e.ExceptionDetails
		text := d.Text
		if d.Exception != nil {
			text += " " + d.Exception.Description
		}
		tab.note(text, true)
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, arg := range e.Args {
			word := strings.Trim(string(arg.Value), `"`)
			if word == "" {
				word = arg.Description
			}
			words = append(words, word)
		}
		tab.note(strings.Join(words, " "), e.Type == "error" || e.Type == "assert")
	case *log.EventEntryAdded:
		tab.note(e.Entry.Text, e.Entry.Level == "error" && e.Entry.Source != "network")
	}
}

func (tab *Tab) note(text string, bad bool) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.console = append(tab.console, text)
	if bad {
		tab.errors = append(tab.errors, text)
	}
}

// Expect announces errors of the page that match pattern: they do not fail the
// test.
func (tab *Tab) Expect(pattern string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.expected = append(tab.expected, regexp.MustCompile(pattern))
}

// Errors are the page's exceptions, console errors and policy violations so
// far, without the expected ones.
func (tab *Tab) Errors() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	var found []string
next:
	for _, e := range tab.errors {
		for _, pattern := range tab.expected {
			if pattern.MatchString(e) {
				continue next
			}
		}
		found = append(found, e)
	}
	return found
}

// Console is everything that the page has written to the console.
func (tab *Tab) Console() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string(nil), tab.console...)
}

// Context is the tab's context for chromedp, for what this package does not
// offer.
func (tab *Tab) Context() context.Context { return tab.ctx }

// Navigate loads a page and waits until it is loaded.
func (tab *Tab) Navigate(url string) {
	tab.t.Helper()
	tab.do("navigating to "+url, chromedp.Navigate(url))
}

// Eval evaluates a JavaScript expression in the page, waits for the promise if
// it is one, and decodes the result.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	tab.must("evaluating "+expression, err)
	return v
}

// Run evaluates JavaScript statements in the page and waits for the promise if
// the last one is one.
func (tab *Tab) Run(script string) {
	tab.t.Helper()
	tab.do("running "+script, chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
}

// Until waits until a JavaScript expression is true in the page. It asks from
// outside, so that it also works while the page's time stands still.
func (tab *Tab) Until(condition string) {
	tab.t.Helper()
	tab.Wait(condition, func() bool { return poll(tab, "Boolean("+condition+")") })
}

// Wait waits until something outside the page is true, such as what a server
// has seen. what names it in the failure.
func (tab *Tab) Wait(what string, reached func() bool) {
	tab.t.Helper()
	deadline := time.Now().Add(patience)
	for !reached() {
		if time.Now().After(deadline) {
			tab.t.Fatalf("waited %v in vain for: %s\nconsole: %q", patience, what, tab.Console())
		}
		// A round trip through the page's own thread is the pause: whatever it
		// had to do before is done then.
		poll(tab, "true")
	}
}

// poll evaluates a condition, which is not true in a page that is just giving
// way to the next.
func poll(tab *Tab, condition string) bool {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	reached, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition, chromedp.EvalAwaitPromise))
	if err != nil && giveWay.MatchString(err.Error()) {
		return false
	}
	tab.must("evaluating "+condition, err)
	return reached
}

// giveWay are the protocol's errors for what was asked of a page that has gone.
var giveWay = regexp.MustCompile(`Inspected target navigated|Execution context was destroyed|Cannot find (default )?(execution )?context`)

// do runs an action within the tab's patience.
func (tab *Tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	tab.must(what, chromedp.Do(ctx, actions...))
}

func (tab *Tab) must(what string, err error) {
	tab.t.Helper()
	if err == nil {
		return
	}
	var thrown *chromedp.ExceptionError
	if errors.As(err, &thrown) && thrown.Exception != nil {
		err = fmt.Errorf("%s", thrown.Exception.Description)
	}
	tab.t.Fatalf("%s: %v\nconsole: %q", what, err, tab.Console())
}
