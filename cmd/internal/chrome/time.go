package chrome

import (
	"context"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// StopTime makes the page's time stand still: its clocks and timers move only
// by [Tab.Advance] from now on. Requests and input go on. It cannot be undone
// for this tab.
func (tab *Tab) StopTime() {
	tab.t.Helper()
	tab.do("stopping the page's time", call(emulation.SetVirtualTimePolicy, emulation.SetVirtualTimePolicyParams{
		Policy: emulation.VirtualTimePolicyPause,
	}))
}

// Advance moves the page's time by d and returns when every timer that was due
// has run. While a request is under way the time stands still: the network is
// as fast as the page can tell.
func (tab *Tab) Advance(d time.Duration) {
	tab.t.Helper()
	tab.advance(d, emulation.VirtualTimePolicyPauseIfNetworkFetchesPending)
}

// Outwait moves the page's time by d although requests are under way: they take
// that long.
func (tab *Tab) Outwait(d time.Duration) {
	tab.t.Helper()
	tab.advance(d, emulation.VirtualTimePolicyAdvance)
}

func (tab *Tab) advance(d time.Duration, policy emulation.VirtualTimePolicy) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	budget := float64(d) / float64(time.Millisecond)
	_, err := chromedp.Run(ctx, chromedp.WaitEvent(emulation.VirtualTimeBudgetExpired,
		func(emulation.EventVirtualTimeBudgetExpired) bool { return true },
		call(emulation.SetVirtualTimePolicy, emulation.SetVirtualTimePolicyParams{Policy: policy, Budget: &budget})))
	tab.must("advancing the page's time", err)
}
