package csrf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

// aToken has the form of a token. In a fuzzed body @ stands for it.
var aToken = strings.Repeat("Ab_-", 10) + "AbA"

func isToken(text string) bool {
	_, ok := parse(text)
	return ok
}

func searchIn(body string, bound int64) *searched {
	return &searched{body: io.NopCloser(strings.NewReader(body)), bound: bound}
}

// FuzzForm: a token that is found is the one that the handler sees in
// PostForm, and every token that it sees first is found, within the bound.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"csrf_token=@", "a=1&csrf_token=@&b=2", "csrf%5Ftoken=@", "csrf_token=&csrf_token=@", "csrf_token&csrf_token=@", "csrf_token=%zz&csrf_token=@",
		"a;csrf_token=@", "csrf_token=@;", "csrf+token=@", "&&=&csrf_token=@&", "csrf_token==@", "%zz=1&csrf_token=@", "csrf_token=@&csrf_token=x", "csrf_token=+@", "CSRF_TOKEN=@", "x=;&csrf_token=@",
	} {
		f.Add(seed, int64(1000))
		for short := range int64(3) { // by a byte or two
			f.Add(seed, int64(len(seed)-1+len(aToken))-short)
		}
	}
	f.Fuzz(func(t *testing.T, body string, bound int64) {
		body, bound = strings.ReplaceAll(body, "@", aToken), max(1, bound%5000)
		text, found := inForm(searchIn(body, bound))
		r := httptest.NewRequest("POST", "/?csrf_token=query", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		err := r.ParseForm()
		first := ""
		if values := r.PostForm[fieldName]; len(values) > 0 {
			first = values[0]
		}
		if found && isToken(text) && text != first {
			t.Fatalf("%q: got %q, and the handler reads %q", body, text, first)
		}
		if err == nil && int64(len(body)) <= bound && isToken(first) && !(found && text == first) {
			t.Fatalf("%q: got %q, %t, and the handler reads %q", body, text, found, first)
		}
	})
}

// FuzzMultipart: the same for a form of parts.
func FuzzMultipart(f *testing.F) {
	const disposition = "Content-Disposition: form-data; name=csrf_token"
	for _, seed := range []string{
		"--B\r\n" + disposition + "\r\n\r\n@\r\n--B--\r\n", "--B\n" + disposition + "\n\n@\n--B--\n",
		"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n@\r\n--B\r\n" + disposition + "\r\n\r\n@\r\n--B--\r\n",
		"--B\r\n" + disposition + "; filename=x\r\n\r\n@\r\n--B\r\n" + disposition + "\r\n\r\nx\r\n--B--\r\n", "--B\r\n" + disposition + "; filename=\"\"\r\n\r\n@\r\n--B--\r\n",
		"--B\r\nContent-Transfer-Encoding: quoted-printable\r\n" + disposition + "\r\n\r\n@=\r\n\r\n--B--\r\n", "--B\r\n" + disposition + "\r\n\r\n@x\r\n--B--\r\n",
		"before\r\n--B\r\n" + disposition + "\r\n\r\n@\r\n--B", "--B\r\nContent-Disposition: attachment; name=csrf_token\r\n\r\n@\r\n--B--\r\n", "--B\r\n" + disposition + "\r\n\r\n\r\n--B\r\n" + disposition + "\r\n\r\n@\r\n--B--",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		body = strings.ReplaceAll(body, "@", aToken)
		text, found := inMultipart(searchIn(body, 1<<20), "B")
		form, err := multipart.NewReader(strings.NewReader(body), "B").ReadForm(1 << 20)
		if err != nil {
			return // it may have found the field before the error
		}
		defer form.RemoveAll()
		values := form.Value[fieldName]
		if found != (len(values) > 0) {
			t.Fatalf("%q: got %q, %t, and the handler reads %q", body, text, found, values)
		}
		if found && (isToken(text) || isToken(values[0])) && text != values[0] {
			t.Fatalf("%q: got %q, and the handler reads %q", body, text, values[0])
		}
	})
}

// FuzzJSON: a token that is found is what encoding/json reads, from an object
// that has the member once. A second member, put before all others, makes it
// none.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"csrf_token":"@"}`, `{"a":[1,{"csrf_token":"x"}],"csrf\u005ftoken":"@"}`, `{"CSRF_TOKEN":"@"}`, `{"csrf_token":"@","csrf_token":1}`, `{}`, `{ }`, `[]`, `null`,
		`{"csrf_token":null}`, `{"csrf_token":"@"} {}`, `{"csrf_token":"@"}]`, `{"csrf_token":"@",}`, "{\"\xff\":\"\\ud800\"}", `{"a":1e999}`, `{"csrf_token" "@"}`, `{"a":"csrf_token","csrf_token":"\u0041"}`, `{"a":`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		body = strings.ReplaceAll(body, "@", aToken)
		text, found := inJSON(strings.NewReader(body))
		var object map[string]json.RawMessage
		err := json.Unmarshal([]byte(body), &object)
		value, has := object[fieldName]
		var want string
		if has && json.Unmarshal(value, &want) != nil {
			want = ""
		}
		isObject := err == nil && object != nil
		if text != "" && (!isObject || text != want) {
			t.Fatalf("%q: got %q, and encoding/json reads %q (%v)", body, text, want, err)
		}
		if isObject && found != has {
			t.Fatalf("%q: got %q, %t; the member is there: %t", body, text, found, has)
		}
		if !isObject {
			return
		}
		_, rest, _ := strings.Cut(body, "{")
		more := `{"csrf_token":"` + aToken + `"`
		if len(object) > 0 {
			more += ","
		}
		text, found = inJSON(strings.NewReader(more + rest))
		if wanted := map[bool]string{true: "", false: aToken}[has]; !found || text != wanted {
			t.Fatalf("%q: with a member more got %q, %t; want %q", body, text, found, wanted)
		}
	})
}

// FuzzDecision holds whole requests against the table of the ADR, read row by
// row, and against the core: what passes may begin a session, what is refused
// may not. Values of one header are separated by line breaks; none is "-".
func FuzzDecision(f *testing.F) {
	for _, site := range []string{"-", "same-origin", "none", "same-site", "cross-site", "same-origin\nsame-origin", "Same-Origin", ""} {
		for _, origin := range []string{"-", "https://dash.example", "HTTPS://dash.example:443", "http://dash.example", "https://partner.example:8443", "https://evil.example", "null", "https://dash.example\nhttps://dash.example", "https://dash.example/"} {
			f.Add("POST", site, origin, "-")
		}
		f.Add("GET", site, "https://evil.example", "-")
		f.Add("GET", site, "https://evil.example", "websocket")
		f.Add("GET", site, "https://evil.example", "h2c, WebSocket")
		f.Add("PUT", site, "https://dash.example", "websocket")
	}
	sessions, err := satra.New(memstore.New(nil), &satra.Options{SweepEvery: satra.Never})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { sessions.Close(context.Background()) })
	p, err := New(&Options{TrustedOrigins: []string{"https://partner.example:8443"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, site, origin, upgrade string) {
		r := httptest.NewRequest("GET", "https://dash.example/do", nil)
		r.Method = method
		for name, text := range map[string]string{"Sec-Fetch-Site": site, "Origin": origin, "Upgrade": upgrade} {
			if text != "-" {
				r.Header[name] = strings.Split(text, "\n")
			}
		}
		passes, token := decideSlowly(r)
		if got := p.Check(r) == nil; got != passes {
			t.Fatalf("%s %q: passes: %t, want %t", method, r.Header, got, passes)
		}
		sessions.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			err := p.VerifyRequest(r)
			if passes && errors.Is(err, satra.ErrNoSession) != token || !passes && satra.ProblemOf(err).Code != satra.CodeCrossOrigin {
				t.Fatalf("%s %q: got %v; passes: %t, asks for a token: %t", method, r.Header, err, passes, token)
			}
			if err := satra.Start(r.Context()); (err == nil) != passes {
				t.Fatalf("%s %q: passes: %t, and beginning a session gives %v", method, r.Header, passes, err)
			}
			satra.SignOut(r.Context()) // the store of the test stays empty
		})).ServeHTTP(httptest.NewRecorder(), r)
	})
}

// decideSlowly is rows 1 to 7 of the table, for requests to https://dash.example.
func decideSlowly(r *http.Request) (passes, token bool) {
	site, origin := r.Header["Sec-Fetch-Site"], r.Header["Origin"]
	stated := ""
	if len(origin) == 1 {
		stated = strings.ToLower(origin[0])
	}
	trusted := stated == "https://partner.example:8443"
	known := trusted || stated == "https://dash.example" || stated == "https://dash.example:443"
	safe := slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, r.Method)
	handshake := bytes.Contains(bytes.ToLower([]byte(strings.Join(r.Header["Upgrade"], ","))), []byte("websocket"))
	switch {
	case handshake && !known: // 1
		return false, false
	case safe: // 2
		return true, false
	case len(site) == 1 && (site[0] == "same-origin" || site[0] == "none"): // 3 and 4
		return true, true
	case len(site) > 0: // 5
		return trusted, true
	case len(origin) > 0: // 6
		return known, true
	}
	return true, true // 7
}
