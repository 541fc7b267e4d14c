package chrome

import (
	"context"
	"time"

	"github.com/chromedp/chromedp"
)

// Settle waits until a JavaScript expression is true in whatever page the tab
// then shows. Unlike [Tab.Until] it is for what follows a click that leads to
// another page: the page that is asked may go away before it answers.
func (tab *Tab) Settle(condition string) {
	tab.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(tab.ctx, patience)
		reached, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		cancel()
		if err == nil && reached {
			return
		}
		if time.Now().After(deadline) {
			tab.t.Fatalf("waited %v in vain for: %s (%v)\nconsole: %q", patience, condition, err, tab.Console())
		}
	}
}
