package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/chrome"
	"github.com/satra-sessions/satra/memstore"
)

// The pictures of these tests are kept if SATRA_SCREENSHOTS names a folder. The
// one in the README is made anew by
//
//	SATRA_SCREENSHOTS=$PWD/docs/images go test ./cmd/internal/e2e -run TestThePictureInTheReadme -count 1

func TestThePictureInTheReadme(t *testing.T) {
	s := play(t)
	for _, symbol := range []string{"NIFTY 50", "RELIANCE", "HDFCBANK", "INFY", "M&M"} {
		s.pick(symbol)
	}
	s.open("/")
	s.Settle(`document.getElementById("session-bar").dataset.remaining`)
	png := s.Screenshot("dashboard", chrome.Look{Width: 1120, Height: 932})
	if len(png) >= 150_000 {
		t.Errorf("the picture has %d bytes, want less than 150 kB", len(png))
	}
}

// looks are the ways in which each page is looked at: the narrowest phone that
// is still sold, and a desktop.
var looks = []chrome.Look{
	{Width: 360, Height: 740, Mobile: true}, {Width: 360, Height: 740, Mobile: true, Dark: true},
	{Width: 1280, Height: 800}, {Width: 1280, Height: 800, Dark: true},
}

func TestEveryPageInEveryLook(t *testing.T) {
	s := prepare(t)
	s.open("/")
	s.wantLooks("home-empty")
	for _, symbol := range []string{"NIFTY 50", "BAJAJ-AUTO", "M&M", "RELIANCE", "HDFCBANK", "INFY", "TCS", "ICICIBANK"} {
		s.pick(symbol)
	}
	s.wantLooks("home-full")
	s.open("/nope")
	s.wantLooks("404")
	s.open("/watchlist/add")
	s.wantLooks("405")
	s.clock.Advance(idle)
	s.open("/")
	s.wantLooks("expired")
	s.open("/ended")
	s.wantLooks("ended")
}

func TestTheRefusedFormInEveryLook(t *testing.T) {
	s := play(t)
	s.Run(`document.querySelector(".row [name=csrf_token]").value = "wrong"`)
	s.Click("#symbol")
	s.Press("TCS" + chrome.Enter)
	s.wantText("h1", "This form is out of date")
	s.wantLooks("refused")
	s.open("/")
	s.Run(`document.querySelector("#symbol").removeAttribute("maxlength")`)
	s.Click("#symbol")
	s.Press(strings.Repeat("LONGESTWORD", 12) + chrome.Enter)
	s.wantText("h1", "That did not work")
	s.wantLooks("bad-symbol")
}

func TestTheDialogOnThePageInEveryLook(t *testing.T) {
	s := play(t)
	s.clock.Advance(idle - 4*time.Minute)
	s.Run(`sessionManager.refreshSessionInfo()`)
	s.wantText(".satra-dialog", "Keep this session")
	s.wantLooks("dialog")
}

func TestThePageOfAFailureInEveryLook(t *testing.T) {
	store := &breaking{Store: memstore.New(nil)}
	s := prepareOn(t, store)
	s.open("/")
	store.broken.Store(true)
	s.open("/")
	s.wantText("h1", "Something went wrong on our side")
	s.wantLooks("500")
}

// breaking is a store that can be made to panic.
type breaking struct {
	satra.Store
	broken atomic.Bool
}

func (b *breaking) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	if b.broken.Load() {
		panic("broken")
	}
	return b.Store.Find(ctx, id, f)
}

// wantLooks shows the page in every look, takes its picture, and wants that
// nothing is wider than the viewport, that text can be read, and that what is
// to be clicked can be hit.
func (s *stage) wantLooks(name string) {
	s.t.Helper()
	for _, look := range looks {
		scheme := "light"
		if look.Dark {
			scheme = "dark"
		}
		full := fmt.Sprintf("%s-%d-%s", name, look.Width, scheme)
		s.Screenshot(full, look)
		for _, fault := range chrome.Eval[[]string](s.Tab, faults) {
			s.t.Errorf("%s: %s", full, fault)
		}
	}
}

// faults lists what is wrong with how the page looks: WCAG 2.2, 1.4.3 for
// contrast, 1.4.10 for the width, 2.5.8 for the size of targets.
const faults = `(() => {
	const found = [];
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) found.push("the page is " + root.scrollWidth + " px wide");
	const shown = (e) => e.checkVisibility({ opacityProperty: false, visibilityProperty: true }) && e.getClientRects().length > 0;
	const color = (text) => {
		const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
		return { rgb: [r, g, b], a };
	};
	const over = (top, below) => top.rgb.map((c, i) => c * top.a + below[i] * (1 - top.a));
	const back = (e) => {
		if (!e) return [255, 255, 255];
		const c = color(getComputedStyle(e).backgroundColor);
		return c.a === 1 ? c.rgb : over(c, back(e.parentElement));
	};
	const light = (rgb) => {
		const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const dialog = document.querySelector("dialog[open]");
	for (const e of (dialog ?? document.body).querySelectorAll("*")) {
		const words = [...e.childNodes].filter((n) => n.nodeType === 3 && n.data.trim()).map((n) => n.data.trim()).join(" ");
		if (!words || !shown(e) || e.matches(":disabled, script, option, .skip, .satra-spoken")) continue;
		const style = getComputedStyle(e), behind = back(e);
		const ink = color(style.color);
		ink.a *= Number(style.opacity);
		const [a, b] = [light(over(ink, behind)), light(behind)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		const size = parseFloat(style.fontSize);
		const large = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
		if (ratio < (large ? 3 : 4.5)) found.push("contrast " + ratio.toFixed(2) + " of " + JSON.stringify(words.slice(0, 40)));
		if (e.scrollWidth > e.clientWidth + 1 && style.display !== "inline") found.push("cut off: " + JSON.stringify(words.slice(0, 40)));
		for (const node of [...e.childNodes].filter((n) => n.nodeType === 3 && !e.matches("code"))) {
			for (const word of node.data.matchAll(/(?<!\p{L})\p{L}{2,20}(?!\p{L})/gu)) { // a longer one may have to be
				const range = document.createRange();
				range.setStart(node, word.index);
				range.setEnd(node, word.index + word[0].length);
				if (new Set([...range.getClientRects()].map((r) => r.top)).size > 1) found.push("broken: " + word[0]);
			}
		}
	}
	for (const e of document.querySelectorAll("button, a.button, input:not([type=hidden])")) {
		const r = e.getBoundingClientRect();
		if (shown(e) && (r.width < 24 || r.height < 24)) found.push("a target of " + r.width + " by " + r.height + " px");
	}
	return found;
})()`

func TestTheFocusCanBeSeenOnEverything(t *testing.T) {
	s := play(t)
	s.pick("INFY")
	seen := map[string]bool{}
	for range 40 {
		s.Press(chrome.Tabs)
		at := chrome.Eval[[]string](s.Tab, `(() => {
			const e = document.activeElement;
			if (e === document.body) return ["", ""];
			const marked = e.matches(".choices input") ? e.nextElementSibling : e, style = getComputedStyle(marked);
			return [e.className + " " + (e.id || e.textContent || e.name).trim(), style.outlineStyle === "none" ? "none" : style.outlineWidth];
		})()`)
		if at[0] == "" {
			break
		}
		if seen[at[0]] = true; at[1] != "3px" {
			t.Errorf("the focus on %q has the outline %s", at[0], at[1])
		}
	}
	if len(seen) < 8 {
		t.Errorf("the keyboard reaches only %v", seen)
	}
}

func TestTheSkipLinkComesFirst(t *testing.T) {
	s := play(t)
	s.Press(chrome.Tabs)
	if got := chrome.Eval[string](s.Tab, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first stop of the keyboard is %q, want the link to the content", got)
	}
	s.Press(chrome.Enter)
	if got := chrome.Eval[string](s.Tab, `document.activeElement.id`); got != "main" {
		t.Errorf("the link leads to %q", got)
	}
}
