package satra_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/satra-sessions/satra"
)

func TestSaveDoesNotWaitForTheResponse(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/save", func(w http.ResponseWriter, r *http.Request) error {
		if v := r.FormValue("theme"); v != "" {
			if err := theme.Set(r.Context(), v); err != nil {
				return err
			}
		}
		err := satra.Save(r.Context())
		fmt.Fprint(w, a.store.took())
		return err
	})
	for _, test := range []struct{ path, want string }{
		{"/save", ""}, // no session: nothing to save
		{"/save?theme=dark", "create"},
		{"/save?theme=light", "find set"},
		{"/save", "find"},
	} {
		b := a.browser()
		if test.want != "" && test.want != "create" {
			b.get("/start")
		}
		a.store.took()
		resp := b.get(test.path)
		if got := bodyOf(resp); got != test.want || resp.StatusCode != 200 {
			t.Errorf("%s: got %d, commands %q; want %q", test.path, resp.StatusCode, got, test.want)
		}
		if after := a.store.took(); after != "" {
			t.Errorf("%s: the commit asked the store again: %q", test.path, after)
		}
		if got := resp.Header["Set-Cookie"] != nil; got != (test.want == "create") {
			t.Errorf("%s: set a cookie: %v", test.path, got)
		}
	}
	a.store.failing(func(string) error { return satra.ErrUnavailable })
	wantStatus(t, a.browser().get("/save?theme=dark"), 503)
}

func TestWhatSaveCouldNotSaveIsDropped(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/save", func(w http.ResponseWriter, r *http.Request) error {
		if err := theme.Set(r.Context(), "dark"); err != nil {
			return err
		}
		a.store.failing(func(command string) error {
			if command == "set" {
				return satra.ErrUnavailable
			}
			return nil
		})
		if err := satra.Save(r.Context()); !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("Save: got %v, want the store's error", err)
		}
		a.store.failing(nil)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, err := io.WriteString(w, "not saved")
		return err
	})
	b := a.browser()
	b.get("/start")
	if got := bodyOf(b.get("/save")); got != "not saved" {
		t.Errorf("got %q, want the handler's own answer", got)
	}
	if v, ok := a.store.only(t).Value("theme"); ok {
		t.Errorf("what was answered as not saved is saved: %s", v.Data)
	}
}
