package browser

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

func TestOnlyRealInputExtends(t *testing.T) {
	const scripted = `
		for (const kind of ["pointerdown", "keydown", "wheel", "touchstart", "mousemove"]) document.body.dispatchEvent(new Event(kind, { bubbles: true }));
		document.querySelector("#button").click();
		window.scrollTo(0, 10);
		0`
	for _, c := range []struct {
		what string
		do   func(*testing.T, *stage)
		want int
	}{
		{"scripts", func(t *testing.T, s *stage) { s.Run(scripted) }, 0},
		{"a click", func(t *testing.T, s *stage) { s.Click("#button") }, 1},
		{"a key", func(t *testing.T, s *stage) { s.Press("x") }, 1},
		{"the wheel", func(t *testing.T, s *stage) {
			_, err := chromedp.Call(s.Context(), input.DispatchMouseEvent, input.DispatchMouseEventParams{
				Type: input.DispatchMouseEventTypeMouseWheel, X: 50, Y: 50, DeltaX: 1, DeltaY: 20,
			})
			if err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"the mouse passing by", func(t *testing.T, s *stage) {
			for x := range 5 {
				if err := chromedp.Do(s.Context(), chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, float64(x), 9)); err != nil {
					t.Fatal(err)
				}
			}
		}, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := play(t, "")
			s.leap(61 * time.Second)
			c.do(t, s)
			if c.want == 0 && !chrome.Eval[bool](s.Tab, `sessionManager.lastInput === -Infinity`) {
				t.Error("it counts as somebody's input")
			}
			s.Wait("the extension", func() bool { return s.count("POST", "/extend") >= c.want })
			s.Until(`sessionManager.flights.size === 0`)
			s.wantCount("POST", "/extend", c.want)
		})
	}
}

func TestExtendingIsThrottled(t *testing.T) {
	for _, c := range []struct {
		idle, every time.Duration
	}{
		{time.Hour, time.Minute},
		{2 * time.Minute, 30 * time.Second},
	} {
		t.Run(c.idle.String(), func(t *testing.T) {
			s := play(t, "dialog=off", idle(c.idle))
			s.StopTime()
			for range 180 { // a key each second
				s.pass(time.Second)
				s.Press("x")
			}
			s.Until(`sessionManager.flights.size === 0`)
			asked := s.seen("POST", "/extend")
			if want := int(3 * time.Minute / c.every); len(asked) < want-1 || len(asked) > want {
				t.Errorf("got %d extensions in 3 minutes, want %d", len(asked), want)
			}
			for i := 1; i < len(asked); i++ {
				if gap := asked[i].At.Sub(asked[i-1].At); gap < c.every {
					t.Errorf("two extensions within %v, want at least %v between", gap, c.every)
				}
			}
		})
	}
}

func TestInputIsHeardOnceASecond(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	s.pass(2 * time.Second)
	s.Press("x")
	first := chrome.Eval[float64](s.Tab, `sessionManager.lastInput`)
	s.Advance(900 * time.Millisecond)
	s.Press("x")
	if got := chrome.Eval[float64](s.Tab, `sessionManager.lastInput`); got != first {
		t.Errorf("heard again after %.0f ms", got-first)
	}
	s.Advance(200 * time.Millisecond)
	s.Press("x")
	if got := chrome.Eval[float64](s.Tab, `sessionManager.lastInput`); got == first {
		t.Error("not heard after 1100 ms")
	}
}

func TestNothingIsExtendedRightAfterThePageWasLoaded(t *testing.T) {
	s := play(t, "")
	s.Click("#button")
	s.Until(`sessionManager.lastInput > 0 && sessionManager.flights.size === 0`)
	s.wantCount("POST", "/extend", 0) // the server has just seen somebody
}

func TestSetAutoExtend(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	s.Run(`sessionManager.setAutoExtend(false)`)
	s.pass(2 * time.Minute)
	s.Click("#button")
	s.Until(`sessionManager.lastInput > 0 && sessionManager.flights.size === 0`)
	s.wantCount("POST", "/extend", 0)
	s.Run(`sessionManager.setAutoExtend(true)`)
	s.pass(2 * time.Second)
	s.Click("#button")
	s.Wait("the extension", func() bool { return s.count("POST", "/extend") == 1 })
}

func TestWhatCannotBeMovedIsNotExtended(t *testing.T) {
	s := play(t, "", func(f *fake) { f.absolute = f.now.Add(30 * time.Minute) })
	s.StopTime()
	s.pass(2 * time.Minute)
	s.Click("#button")
	s.Until(`sessionManager.lastInput > 0 && sessionManager.flights.size === 0`)
	s.wantCount("POST", "/extend", 0)
}

func TestTheDialogIsNotAnsweredByMovingAbout(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.leap(16 * time.Minute)
	s.Until(`document.querySelector("dialog").open`)
	s.Press("x")
	s.ClickAt(5, 5)
	s.Until(`sessionManager.lastInput > 0 && sessionManager.flights.size === 0`)
	s.wantCount("POST", "/extend", 0)
	if !chrome.Eval[bool](s.Tab, `document.querySelector("dialog").open`) {
		t.Error("the dialog has closed")
	}
}
