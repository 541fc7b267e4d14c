package browser

import (
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

func TestTheDialogFits(t *testing.T) {
	wide, narrow, small := chrome.Look{}, chrome.Look{Width: 360, Height: 740, Mobile: true}, chrome.Look{Width: 320, Height: 480, Mobile: true}
	dark := func(look chrome.Look) chrome.Look {
		look.Dark = true
		return look
	}
	warning := func() *stage {
		s := warned(t, "")
		s.leap(74 * time.Second)
		return s
	}
	limit := func() *stage {
		return warned(t, "", func(f *fake) { f.absolute = f.now.Add(20 * time.Minute) })
	}
	refused := func() *stage {
		s := warned(t, "")
		s.answer("POST /extend", refusal(503, "STORE_UNAVAILABLE"))
		s.Press(chrome.Enter)
		s.Until(`document.querySelector("#satra-note").textContent`)
		return s
	}
	ended := func() *stage {
		s := warned(t, "")
		s.change(func() { s.reason = "signed_out_elsewhere" })
		s.leap(0)
		return s
	}
	for _, c := range []struct {
		name  string
		stage func() *stage
	}{{"warning", warning}, {"limit", limit}, {"refused", refused}, {"ended", ended}} {
		s := c.stage()
		s.fits(t, c.name+"-light-wide", wide, "", false)
		s.fits(t, c.name+"-dark-wide", dark(wide), "", true)
		s.fits(t, c.name+"-light-narrow", narrow, "", false)
		s.fits(t, c.name+"-dark-narrow", dark(narrow), "", true)
		s.fits(t, c.name+"-small", small, "", false)
		if c.name == "warning" { // the page's own choice comes before the system's
			s.fits(t, "theme-dark", wide, "dark", true)
			s.fits(t, "theme-light", dark(wide), "light", false)
		}
	}
}

// fits looks at the dialog, which must lie within the viewport and have buttons
// that a finger can hit, in the light or the dark colours.
func (s *stage) fits(t *testing.T, name string, look chrome.Look, theme string, dark bool) {
	t.Helper()
	s.Run(`document.documentElement.dataset.theme = "` + theme + `"`)
	s.Screenshot(name, look)
	got := chrome.Eval[map[string]any](s.Tab, `(() => {
		const d = document.querySelector("dialog"), r = d.getBoundingClientRect();
		return { inside: r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight,
			scrolls: d.scrollWidth > d.clientWidth || d.scrollHeight > d.clientHeight,
			dark: getComputedStyle(d).backgroundColor !== "rgb(255, 255, 255)",
			small: [...d.querySelectorAll("button")].filter((b) => !b.hidden && b.getBoundingClientRect().height < 44).length };
	})()`)
	for key, want := range map[string]any{"inside": true, "scrolls": false, "dark": dark, "small": 0.0} {
		if got[key] != want {
			t.Errorf("%s: %s: got %v, want %v", name, key, got[key], want)
		}
	}
}
