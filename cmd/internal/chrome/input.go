package chrome

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keys that Press takes besides the printable ones.
const (
	Escape = kb.Escape
	Enter  = kb.Enter
	Tabs   = kb.Tab
	Left   = kb.ArrowLeft
	Right  = kb.ArrowRight
	Up     = kb.ArrowUp
	Down   = kb.ArrowDown
	Home   = kb.Home
	End    = kb.End
)

// call is one command of the DevTools protocol as an action.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// Click clicks the middle of the first element that selector finds, with the
// mouse: the page sees trusted events. The element must be there, and nothing
// may lie over it.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	quoted := strconv.Quote(selector)
	at := Eval[[]float64](tab, `(() => {
		const e = document.querySelector(`+quoted+`);
		if (!e) throw new Error("no element " + `+quoted+`);
		e.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		const top = document.elementFromPoint(x, y);
		if (!e.contains(top)) throw new Error(`+quoted+` + " is covered by " + (top ? top.outerHTML.slice(0, 200) : "nothing"));
		return [x, y];
	})()`)
	tab.ClickAt(at[0], at[1])
}

// ClickAt clicks at a place of the viewport.
func (tab *Tab) ClickAt(x, y float64) {
	tab.t.Helper()
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		tab.do("clicking", call(input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, ClickCount: 1,
		}))
	}
}

// Press presses and releases keys as somebody at the keyboard does.
func (tab *Tab) Press(keys string) {
	tab.t.Helper()
	tab.do("pressing keys", chromedp.KeyEvent(keys))
}

// A Look is how a page is shown. Zero fields mean 1280 by 800 pixels in the
// light scheme.
type Look struct {
	Width, Height int
	Dark          bool
	Mobile        bool
}

// Show gives the page a viewport and a colour scheme.
func (tab *Tab) Show(look Look) {
	tab.t.Helper()
	if look.Width == 0 {
		look.Width = 1280
	}
	if look.Height == 0 {
		look.Height = 800
	}
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	var options []chromedp.EmulateViewportOption
	if look.Mobile {
		options = append(options, chromedp.EmulateMobile)
	}
	tab.do("setting the viewport",
		chromedp.EmulateViewport(int64(look.Width), int64(look.Height), options...),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme},
				{Name: "prefers-reduced-motion", Value: "reduce"}, // a picture must not depend on when it is taken
			},
		}))
}

// Screenshot shows the page as look says and returns the picture as PNG. If the
// environment variable SATRA_SCREENSHOTS names a folder, it is also kept there
// as name.png.
func (tab *Tab) Screenshot(name string, look Look) []byte {
	tab.t.Helper()
	tab.Show(look)
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	tab.must("taking a screenshot", err)
	if dir := os.Getenv("SATRA_SCREENSHOTS"); dir != "" {
		tab.must("keeping a screenshot", os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.png", name)), png, 0o644))
	}
	return png
}

// Offline cuts the page off the network, or connects it again.
func (tab *Tab) Offline(off bool) {
	tab.t.Helper()
	conditions := []*network.Conditions{}
	if off {
		conditions = append(conditions, &network.Conditions{Offline: true, DownloadThroughput: -1, UploadThroughput: -1})
	}
	tab.do("changing the network", call(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: conditions,
	}), call(network.OverrideNetworkState, network.OverrideNetworkStateParams{
		Offline: off, DownloadThroughput: -1, UploadThroughput: -1,
	}))
}
