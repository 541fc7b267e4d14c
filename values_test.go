package satra_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"github.com/satra-sessions/satra"
)

// A profile has what JSON can do to a program: pointers, maps, numbers.
type profile struct {
	Name  string
	Age   *int
	Tags  map[string][]float64
	Inner *profile
}

var profileKey = satra.NewKey[profile]("profile")

// FuzzValues stores any bytes as a value, as a newer program, a damaged store
// or a missing key might: reading never panics and never loses them.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{`{"Name":"x","Age":3}`, `null`, ``, `[]`, `{"Inner":{"Inner":{}}}`, "\x00\xff", `"\ud800"`, `{"Age":1e999}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a := routes(newApp(t, satra.Options{Visible: []satra.AnyKey{profileKey}}))
		b := a.browser()
		b.get("/start")
		rec := a.store.only(t)
		next, err := rec.With(&satra.Change{At: a.clock.Now(), Set: []satra.Value{{Key: "profile", Data: bytes.Clone(data)}}})
		if err != nil {
			t.Fatal(err)
		}
		a.store.records[rec.ID] = next
		a.on("/profile", func(w http.ResponseWriter, r *http.Request) error {
			if _, err := profileKey.Get(r.Context()); err != nil && !errors.Is(err, satra.ErrUnreadable) {
				t.Errorf("Get: %v", err)
			}
			if _, err := satra.VisibleValues(r.Context()); err != nil {
				t.Errorf("VisibleValues: %v", err)
			}
			return theme.Set(r.Context(), "dark")
		})
		wantStatus(t, b.get("/profile"), 200)
		if v, _ := a.store.only(t).Value("profile"); !bytes.Equal(v.Data, data) {
			t.Errorf("got %q, want %q as it was", v.Data, data)
		}
	})
}

func TestVisibleValues(t *testing.T) {
	a := routes(newApp(t, satra.Options{Visible: []satra.AnyKey{theme}}))
	var got map[string]string
	a.on("/visible", func(w http.ResponseWriter, r *http.Request) error {
		values, err := satra.VisibleValues(r.Context())
		got = map[string]string{}
		for key, v := range values {
			got[key] = string(v)
		}
		return err
	})
	b := a.browser()
	b.get("/theme?set=dark")
	b.get("/visit")
	b.get("/visible")
	if len(got) != 1 || got["theme"] != `"dark"` {
		t.Errorf("got %v, want the theme alone", got)
	}
}

// What Get returns is the caller's: changing it does not change the session.
func TestAValueIsDecodedAnew(t *testing.T) {
	a := newApp(t, satra.Options{})
	a.on("/", func(w http.ResponseWriter, r *http.Request) error {
		if err := profileKey.Set(r.Context(), profile{Tags: map[string][]float64{"x": {1}}}); err != nil {
			return err
		}
		first, err := profileKey.Get(r.Context())
		if err != nil {
			return err
		}
		first.Tags["x"][0] = 2
		second, err := profileKey.Get(r.Context())
		if second.Tags["x"][0] != 1 {
			t.Errorf("got %v, want 1: the caller's change reached the session", second.Tags["x"][0])
		}
		return err
	})
	wantStatus(t, a.browser().get("/"), 200)
}
