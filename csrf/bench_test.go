package csrf_test

import (
	"net/http"
	"testing"

	"github.com/satra-sessions/satra/csrf"
)

type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nullWriter) WriteHeader(int)             {}

// BenchmarkPost is the whole way of a POST: manager, check, session, token.
func BenchmarkPost(b *testing.B) {
	a := newApp(b, csrf.Options{})
	cookie, tok := a.session()
	h := a.m.Handler(a.p.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	for _, bench := range []struct {
		name, body string
		header     []string
	}{
		{"Header", "", []string{"X-CSRF-Token: " + tok}},
		{"Form", "symbol=INFY&csrf_token=" + tok, []string{"Content-Type: " + formType}},
		{"JSON", `{"symbol":"INFY","csrf_token":"` + tok + `"}`, []string{"Content-Type: " + jsonType}},
	} {
		r := request("POST", "/do", append(bench.header, "Sec-Fetch-Site: same-origin", "Cookie: "+cookie)...)
		b.Run(bench.name, func(b *testing.B) {
			w := &nullWriter{h: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				if bench.body != "" {
					withBody(r, bench.body)
				}
				clear(w.h)
				h.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	p, err := csrf.New(&options)
	if err != nil {
		b.Fatal(err)
	}
	for name, header := range map[string][]string{
		"SecFetchSite": {"Sec-Fetch-Site: same-origin", own}, "Origin": {own}, "Trusted": {"Sec-Fetch-Site: cross-site", partner}, "Refused": {"Sec-Fetch-Site: cross-site", evil},
	} {
		r := request("POST", "/do", header...)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Check(r)
			}
		})
	}
}

// A POST with its token in the header costs what its session costs: the state,
// the request with it and the record.
func TestAllocations(t *testing.T) {
	p, err := csrf.New(&options)
	if err != nil {
		t.Fatal(err)
	}
	r := request("POST", "/do", "Sec-Fetch-Site: same-origin", own)
	if got := testing.AllocsPerRun(100, func() {
		if err := p.Check(r); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("Check: got %v allocations, want none", got)
	}
	a := newApp(t, csrf.Options{})
	cookie, tok := a.session()
	r = request("POST", "/do", "Sec-Fetch-Site: same-origin", "Cookie: "+cookie, "X-CSRF-Token: "+tok)
	h := a.m.Handler(a.p.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	w := &nullWriter{h: http.Header{}}
	got := testing.AllocsPerRun(100, func() { clear(w.h); h.ServeHTTP(w, r) })
	if got > 4 && !raceEnabled {
		t.Errorf("got %v allocations of a POST, want at most 4", got)
	}
}
