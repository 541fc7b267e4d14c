// Package chrome gives browser tests a real Chromium: one browser for a test
// binary, one tab with cookies of its own for a test.
//
//	func TestMain(m *testing.M) { os.Exit(chrome.Main(m)) }
//
//	func TestPage(t *testing.T) {
//		tab := chrome.New(t)
//		tab.Navigate(server.URL)
//		tab.Click("#save")
//		tab.Until(`document.querySelector("#saved")`)
//	}
//
// A test fails when its page throws, writes an error to the console or breaks
// its Content-Security-Policy, unless [Tab.Expect] has announced it. A machine
// without Chromium fails the tests, too: skipped tests would look like passed
// ones.
package chrome

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The browser of this test binary. It outlives every single test, so there is
// nobody but the process to hold it; Main ends it.
var shared struct {
	sync.Mutex
	inMain bool
	ctx    context.Context
	close  func()
	err    error
}

// Main runs the tests and then ends the browser, if one was started. Call it
// from TestMain.
func Main(m *testing.M) int {
	shared.inMain = true
	defer func() {
		if shared.close != nil {
			shared.close()
		}
	}()
	return m.Run()
}

// browser returns the context of the browser, which it starts at first use.
func browser() (context.Context, error) {
	shared.Lock()
	defer shared.Unlock()
	if !shared.inMain {
		return nil, errors.New("the package has no TestMain that calls chrome.Main")
	}
	if shared.ctx == nil && shared.err == nil {
		shared.ctx, shared.close, shared.err = start()
	}
	return shared.ctx, shared.err
}

func start() (context.Context, func(), error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, errors.New("this test needs the program chromium and it is not in PATH: run ./scripts/test, which installs it")
	}
	profile, err := os.MkdirTemp("", "satra-chromium-")
	if err != nil {
		return nil, nil, err
	}
	allocated, free := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(profile),
		chromedp.Flag("headless", "new"),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("no-sandbox", true), // containers run as root and have no user namespaces
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("ignore-certificate-errors", true), // a test's server is its own authority
	)
	ctx, cancel := chromedp.NewContext(allocated)
	end := func() {
		patient, done := context.WithTimeout(ctx, 10*time.Second)
		_ = chromedp.Cancel(patient) // the browser is asked first, then killed with its context
		done()
		cancel()
		free()
		os.RemoveAll(profile)
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, fmt.Errorf("starting chromium: %w", err)
	}
	return ctx, end, nil
}
