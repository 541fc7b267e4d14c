package csrf_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
)

func withBody(r *http.Request, body string) *http.Request {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// multi is a multipart body of fields, "name=value" or, for a file, "name@content".
func multi(fields ...string) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.SetBoundary("boundary")
	for _, field := range fields {
		if name, content, ok := strings.Cut(field, "@"); ok {
			part, _ := w.CreateFormFile(name, "file.bin")
			io.WriteString(part, content)
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		w.WriteField(name, value)
	}
	w.Close()
	return w.FormDataContentType(), b.String()
}

// An echo is a server over loopback whose handler sends back what it read of
// the body, behind the protection.
func echo(t *testing.T, o csrf.Options) (a *app, s *httptest.Server) {
	a = newApp(t, o)
	a.mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("the handler: %v", err)
		}
		w.Write(body)
	})
	s = httptest.NewServer(a.all())
	t.Cleanup(s.Close)
	return a, s
}

func post(t *testing.T, s *httptest.Server, path, cookie, contentType string, body io.Reader) (int, string) {
	t.Helper()
	r, err := http.NewRequest("POST", s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Content-Type", contentType)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func TestTokenInTheBody(t *testing.T) {
	a, s := echo(t, csrf.Options{MaxBody: 2000})
	cookie, tok := a.session()
	long := strings.Repeat("x", 5000)
	for _, test := range []struct {
		name, kind, body string
		want             int
	}{
		{"form", formType, "a=1&csrf_token=" + tok + "&b=2", 200},
		{"form, with a charset", formType + "; charset=utf-8", "csrf_token=" + tok, 200},
		{"form, escaped", formType, "csrf%5Ftoken=" + strings.ReplaceAll(tok, string(tok[0]), fmt.Sprintf("%%%02x", tok[0])), 200},
		{"form, longer than the bound", formType, "csrf_token=" + tok + "&b=" + long, 200},
		{"form, beyond the bound", formType, "b=" + long + "&csrf_token=" + tok, 403},
		{"form, cut off by the bound", formType, "b=" + long[:2000-20-len("b=&csrf_token=")] + "&csrf_token=" + tok, 403},
		{"form, up to the bound", formType, "b=" + long[:2000-len("b=&csrf_token=")-len(tok)] + "&csrf_token=" + tok, 200},
		{"form, cut off to a right one", formType, "b=" + long[:2001-len("b=&csrf_token=")-len(tok)] + "&csrf_token=" + tok + "x", 403},
		{"form, wrong", formType, "csrf_token=" + other(tok), 403},
		{"form, another case", formType, "CSRF_TOKEN=" + tok, 403},
		{"form, a bad escape", formType, "csrf_token=%zz" + tok, 403},
		{"form, the first of two", formType, "csrf_token=&csrf_token=" + tok, 403},
		{"form, empty", formType, "", 403},

		{"JSON", jsonType, `{"a":[1,{"b":2}],"csrf_token":"` + tok + `","c":null}`, 200},
		{"JSON, up to the bound", jsonType, pad(`{"csrf_token":"`+tok+`"}`, 2000), 200},
		{"JSON, longer than the bound", jsonType, pad(`{"csrf_token":"`+tok+`"}`, 2001), 403},
		{"JSON, wrong", jsonType, `{"csrf_token":"` + other(tok) + `"}`, 403},
		{"JSON, another case", jsonType, `{"Csrf_Token":"` + tok + `"}`, 403},
		{"JSON, twice", jsonType, `{"csrf_token":"` + tok + `","csrf_token":"` + tok + `"}`, 403},
		{"JSON, twice, once escaped", jsonType, `{"csrf_token":"` + tok + `","csrf\u005ftoken":"x"}`, 403},
		{"JSON, further down", jsonType, `{"a":{"csrf_token":"` + tok + `"}}`, 403},
		{"JSON, in an array", jsonType, `[{"csrf_token":"` + tok + `"}]`, 403},
		{"JSON, no string", jsonType, `{"csrf_token":["` + tok + `"]}`, 403},
		{"JSON, null", jsonType, `{"csrf_token":null}`, 403},
		{"JSON, unfinished", jsonType, `{"csrf_token":"` + tok + `"`, 403},
		{"JSON, with words behind it", jsonType, `{"csrf_token":"` + tok + `"} x`, 403},
		{"JSON, with a number behind it", jsonType, `{"csrf_token":"` + tok + `"} 1`, 403},
		{"JSON, sent as text", "text/plain", `{"csrf_token":"` + tok + `"}`, 403},
		{"form, sent as text", "text/plain", "csrf_token=" + tok, 403},
		{"no type", "", "csrf_token=" + tok, 403},
		{"a type that is none", ";;", "csrf_token=" + tok, 403},
		{"multipart with an endless boundary", "multipart/form-data; boundary=" + long[:71], "--" + long[:71] + "\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\n" + tok + "\r\n--" + long[:71] + "--\r\n", 403},
		{"multipart, the same with a boundary", "multipart/form-data; boundary=" + long[:70], "--" + long[:70] + "\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\n" + tok + "\r\n--" + long[:70] + "--\r\n", 200},
		{"multipart without boundary", "multipart/form-data", "csrf_token=" + tok, 403},
	} {
		status, body := post(t, s, "/echo", cookie, test.kind, strings.NewReader(test.body))
		if status != test.want || test.want == 200 && body != test.body {
			t.Errorf("%s: got %d, %d bytes; want %d, and the handler to read %d", test.name, status, len(body), test.want, len(test.body))
		}
		// In chunks, of unknown length:
		status, body = post(t, s, "/echo", cookie, test.kind, io.MultiReader(strings.NewReader(test.body)))
		if status != test.want || test.want == 200 && body != test.body {
			t.Errorf("%s, in chunks: got %d, %d bytes; want %d", test.name, status, len(body), test.want)
		}
	}
}

func pad(json string, size int) string { return json + strings.Repeat(" ", size-len(json)) }

func TestTokenInMultipart(t *testing.T) {
	a, s := echo(t, csrf.Options{})
	cookie, tok := a.session()
	file := strings.Repeat("0123456789", 100_000)
	for _, test := range []struct {
		name   string
		fields []string
		want   int
	}{
		{"a field", []string{"a=1", "csrf_token=" + tok}, 200},
		{"before a large file", []string{"csrf_token=" + tok, "upload@" + file}, 200},
		{"behind a small file", []string{"upload@small", "csrf_token=" + tok}, 200},
		{"behind a large file", []string{"upload@" + file, "csrf_token=" + tok}, 403},
		{"a file of the name", []string{"csrf_token@" + tok}, 403},
		{"wrong", []string{"csrf_token=" + other(tok)}, 403},
		{"too long", []string{"csrf_token=" + tok + strings.Repeat("x", 100)}, 403},
	} {
		kind, sent := multi(test.fields...)
		status, body := post(t, s, "/echo", cookie, kind, strings.NewReader(sent))
		if status != test.want || test.want == 200 && body != sent {
			t.Errorf("%s: got %d, %d bytes; want %d, and the handler to read all %d", test.name, status, len(body), test.want, len(sent))
		}
	}
}

func TestAWrongHeaderIsNotRescuedByARightBody(t *testing.T) {
	a := newApp(t, csrf.Options{})
	cookie, tok := a.session()
	for _, header := range []string{"", "wrong", other(tok)} {
		r := withBody(request("POST", "/do", "Cookie: "+cookie, "Content-Type: "+formType, "X-CSRF-Token: "+header), "csrf_token="+tok)
		if resp, _ := send(a.all(), r); resp.StatusCode != 403 {
			t.Errorf("header %q: got %d, want 403", header, resp.StatusCode)
		}
	}
}

// The handler parses the form itself, as if nobody had read it.
func TestHandlersStillParseTheForm(t *testing.T) {
	a, s := echo(t, csrf.Options{})
	a.mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("upload")
		content := []byte("none")
		if err == nil {
			content, err = io.ReadAll(file)
		}
		if err != nil && !errors.Is(err, http.ErrNotMultipart) {
			t.Error(err)
		}
		fmt.Fprintf(w, "%s %s %d", r.FormValue("symbol"), r.FormValue("query"), len(content))
	})
	cookie, tok := a.session()
	form := url.Values{"csrf_token": {tok}, "symbol": {"INFY & co"}}.Encode()
	if status, body := post(t, s, "/form?query=q", cookie, formType, strings.NewReader(form)); status != 200 || body != "INFY & co q 4" {
		t.Errorf("urlencoded: got %d %q", status, body)
	}
	kind, sent := multi("csrf_token="+tok, "symbol=INFY", "upload@"+strings.Repeat("x", 1<<20))
	if status, body := post(t, s, "/form?query=q", cookie, kind, strings.NewReader(sent)); status != 200 || body != "INFY q 1048576" {
		t.Errorf("multipart: got %d %q", status, body)
	}
}

// A handler outside may have parsed the form already; the body is then gone.
func TestAParsedFormIsSearched(t *testing.T) {
	a := newApp(t, csrf.Options{})
	kind, body := multi("csrf_token=TOKEN", "upload@x")
	for name, test := range map[string][2]string{"urlencoded": {formType, "csrf_token=TOKEN"}, "multipart": {kind, body}} {
		cookie, tok := a.session()
		r := withBody(request("POST", "/do?csrf_token=query", "Cookie: "+cookie, "Content-Type: "+test[0]), strings.ReplaceAll(test[1], "TOKEN", tok))
		r.ParseMultipartForm(1 << 20)
		if resp, answer := send(a.all(), r); resp.StatusCode != 200 {
			t.Errorf("%s: got %d %s", name, resp.StatusCode, answer)
		}
	}
}

// A body that breaks off gives the handler the same bytes and the same error,
// and closing it closes the one below.
func TestErrorsOfTheBodyReachTheHandler(t *testing.T) {
	a := newApp(t, csrf.Options{})
	cookie, tok := a.session()
	form := "csrf_token=" + tok + "&more="
	below := &brokenBody{r: strings.NewReader(form)}
	a.mux.HandleFunc("POST /read", func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if string(got) != form || err != errBroken {
			t.Errorf("got %q, %v; want the bytes and the error of the body", got, err)
		}
		r.Body.Close()
	})
	r := request("POST", "/read", "Cookie: "+cookie, "Content-Type: "+formType)
	r.Body, r.ContentLength = below, -1
	if resp, _ := send(a.all(), r); resp.StatusCode != 200 || !below.closed {
		t.Errorf("got %d, the body closed: %t", resp.StatusCode, below.closed)
	}
}

var errBroken = errors.New("the line broke")

type brokenBody struct {
	r            io.Reader
	told, closed bool
}

func (b *brokenBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF && !b.told { // once: whoever reads first must pass it on
		b.told, err = true, errBroken
	}
	return n, err
}

func (b *brokenBody) Close() error { b.closed = true; return nil }

// No body is read for a request that is refused without it.
func TestNoBodyIsReadInVain(t *testing.T) {
	a := newApp(t, csrf.Options{})
	cookie, tok := a.session()
	for name, header := range map[string][]string{
		"another site":     {"Cookie: " + cookie, "Sec-Fetch-Site: cross-site"},
		"no session":       {},
		"token in header":  {"Cookie: " + cookie, "X-CSRF-Token: " + other(tok)},
		"an image is sent": {"Cookie: " + cookie, "Content-Type: image/png"},
	} {
		r := request("POST", "/do", append([]string{"Content-Type: " + formType}, header...)...)
		if name == "an image is sent" {
			r.Header.Set("Content-Type", "image/png")
		}
		r.Body, r.ContentLength = unreadable{t, name}, 100
		send(a.all(), r)
	}
}

type unreadable struct {
	t    *testing.T
	name string
}

func (u unreadable) Read([]byte) (int, error) {
	u.t.Errorf("%s: the body was read", u.name)
	return 0, io.EOF
}

func (unreadable) Close() error { return nil }

// FuzzBody sends any body of any kind: the handler reads the same bytes,
// whether the token was found or not.
func FuzzBody(f *testing.F) {
	kind, body := multi("a=1", "csrf_token=x", "upload@file")
	f.Add(kind, []byte(body), int64(100))
	f.Add(jsonType, []byte(`{"a":[1,2,{"b":"c"}],"csrf_token":"x","csrf_token":1}`), int64(20))
	f.Add(jsonType, []byte(`{"csrf_token":`), int64(1000))
	f.Add(formType, []byte("a=%zz&csrf_token=x&;&&=="), int64(3))
	a := newApp(f, csrf.Options{})
	cookie, _ := a.session()
	f.Fuzz(func(t *testing.T, kind string, sent []byte, bound int64) {
		p, err := csrf.New(&csrf.Options{MaxBody: max(bound, 0) % 4096})
		if err != nil {
			t.Fatal(err)
		}
		r := request("POST", "/", "Sec-Fetch-Site: same-origin", "Cookie: "+cookie)
		r.Header["Content-Type"] = []string{kind}
		withBody(r, string(sent))
		send(a.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if p := satra.ProblemOf(p.VerifyRequest(r)); p.Code != satra.CodeCSRFInvalid {
				t.Fatalf("got %v, want no token found, or a wrong one", p)
			}
			got, err := io.ReadAll(r.Body)
			if err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%s: the handler reads %q, %v; want %q", kind, got, err, sent)
			}
		})), r)
	})
}
