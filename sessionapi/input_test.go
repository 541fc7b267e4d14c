package sessionapi_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/satra-sessions/satra"
)

const jsonType = "application/json"

// What is wrong with a request is its sender's fault, and never a 5xx.
func TestBadBodies(t *testing.T) {
	const (
		bad       = "400 BAD_REQUEST"
		wrongType = "415 UNSUPPORTED_MEDIA_TYPE"
		tooLarge  = "413 BAD_REQUEST"
		malformed = "The body must be a JSON object with a csrf_token."
		required  = "CSRF token required"
		noString  = "The csrf_token must be a string."
	)
	for _, test := range []struct{ name, kind, body, want, message string }{
		{"empty", jsonType, "", bad, required},
		{"white space", jsonType, " \r\n\t", bad, required},
		{"empty and of no type", "", "", bad, required},
		{"an empty object", jsonType, "{}", bad, required},
		{"an empty token", jsonType, `{"csrf_token":""}`, bad, required},
		{"another key", jsonType, `{"token":"x"}`, bad, required},
		{"another case", jsonType, `{"CSRF_Token":"x"}`, bad, required},
		{"further down", jsonType, `{"a":{"csrf_token":"x"}}`, bad, required},

		{"null", jsonType, "null", bad, malformed},
		{"an array", jsonType, `[{"csrf_token":"x"}]`, bad, malformed},
		{"a string", jsonType, `"csrf_token"`, bad, malformed},
		{"a number", jsonType, "1e999999", bad, malformed},
		{"true", jsonType, "true", bad, malformed},
		{"unfinished", jsonType, `{"csrf_token":"x"`, bad, malformed},
		{"a brace", jsonType, "{", bad, malformed},
		{"text", jsonType, "csrf_token", bad, malformed},
		{"a comma too many", jsonType, `{"csrf_token":"x",}`, bad, malformed},
		{"words behind it", jsonType, `{"csrf_token":"x"} x`, bad, malformed},
		{"another object behind it", jsonType, `{"csrf_token":"x"}{}`, bad, malformed},
		{"NUL behind it", jsonType, "{\"csrf_token\":\"x\"}\x00", bad, malformed},
		{"a byte order mark", jsonType, "\ufeff{\"csrf_token\":\"x\"}", bad, malformed},
		{"UTF-16", jsonType, "{\x00\"\x00", bad, malformed},
		{"no UTF-8 in the token", jsonType, "{\"csrf_token\":\"\xff\"}", bad, malformed},
		{"no UTF-8 in another value", jsonType, "{\"csrf_token\":\"x\",\"a\":\"\xc3\"}", bad, malformed},
		{"a control character", jsonType, "{\"csrf_token\":\"\n\"}", bad, malformed},
		{"arrays in arrays", jsonType, `{"csrf_token":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + "}", bad, malformed},
		{"objects in objects", jsonType, strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001), bad, malformed},

		{"the token twice", jsonType, `{"csrf_token":"x","csrf_token":"x"}`, bad, "The body has a key twice."},
		{"the token twice, once escaped", jsonType, `{"csrf_token":"x","csrf\u005ftoken":"y"}`, bad, "The body has a key twice."},
		{"another key twice", jsonType, `{"a":1,"csrf_token":"x","a":2}`, bad, "The body has a key twice."},

		{"a token of null", jsonType, `{"csrf_token":null}`, bad, noString},
		{"a number as a token", jsonType, `{"csrf_token":1}`, bad, noString},
		{"true as a token", jsonType, `{"csrf_token":true}`, bad, noString},
		{"an array as a token", jsonType, `{"csrf_token":["x"]}`, bad, noString},
		{"an object as a token", jsonType, `{"csrf_token":{"x":1}}`, bad, noString},

		{"of no type", "", `{"csrf_token":"x"}`, wrongType, ""},
		{"a form", "application/x-www-form-urlencoded", "csrf_token=x", wrongType, ""},
		{"text", "text/plain", `{"csrf_token":"x"}`, wrongType, ""},
		{"a type of its own", "application/vnd.x+json", `{"csrf_token":"x"}`, wrongType, ""},
		{"a type that is none", ";;=", `{"csrf_token":"x"}`, wrongType, ""},
		{"half a parameter", "application/json; charset", `{"csrf_token":"x"}`, wrongType, ""},
		{"two types", "application/json, text/plain", `{"csrf_token":"x"}`, wrongType, ""},

		{"64 kB", jsonType, padded(`{"csrf_token":"x"}`, 64<<10), "200", ""},
		{"a byte more", jsonType, padded(`{"csrf_token":"x"}`, 64<<10+1), tooLarge, "The body is larger than 64 kB."},
		{"a megabyte", "text/plain", strings.Repeat("x", 1<<20), tooLarge, "The body is larger than 64 kB."},

		{"a charset", "application/json; charset=utf-8", `{"csrf_token":"x"}`, "200", ""},
		{"the type in capitals", "Application/JSON", `{"csrf_token":"x"}`, "200", ""},
		{"other keys and white space", jsonType, " {\n\"a\" : [1, {\"a\":2}],\t\"csrf_token\" : \"x\" } ", "200", ""},
		{"an escaped key", jsonType, `{"csrf\u005ftoken":"x"}`, "200", ""},
		{"half of a surrogate pair", jsonType, `{"csrf_token":"\ud800"}`, "200", ""},
		{"an emoji", jsonType, `{"csrf_token":"🔑"}`, "200", ""},
		{"a long token", jsonType, `{"csrf_token":"` + strings.Repeat("A", 60_000) + `"}`, "200", ""},
	} {
		a := newApp(t, satra.Options{}, nil)
		cookie, _ := a.session()
		for _, shown := range []string{cookie, "Cookie: "} {
			got := a.send(withBody(request("POST", base+"/validate-csrf", shown), test.kind, test.body))
			if inShort(got) != test.want || test.message != "" && got.Msg != test.message {
				t.Errorf("%s: got %s %q, want %s %q", test.name, inShort(got), got.Msg, test.want, test.message)
			}
			if got.Valid != nil && *got.Valid {
				t.Errorf("%s: got valid", test.name)
			}
		}
	}
}

func padded(s string, size int) string { return s + strings.Repeat(" ", size-len(s)) }

func TestABodyThatBreaksOff(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	for name, body := range map[string]io.Reader{
		"at once":      iotest.ErrReader(errors.New("the line broke")),
		"in the midst": io.MultiReader(strings.NewReader(`{"csrf_token":"x"}`), iotest.ErrReader(io.ErrUnexpectedEOF)),
	} {
		r := withBody(request("POST", base+"/validate-csrf"), jsonType, "")
		r.Body, r.ContentLength = io.NopCloser(body), 1000
		if got := a.send(r); inShort(got) != "400 BAD_REQUEST" || got.Msg != "The body could not be read." {
			t.Errorf("%s: got %s, want 400", name, got.raw)
		}
	}
}

// Over a connection: in chunks of unknown length, small and large.
func TestBodiesOfUnknownLength(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	server := httptest.NewServer(a.handler)
	defer server.Close()
	for name, test := range map[string]struct {
		body io.Reader
		want int
	}{
		"byte by byte":  {iotest.OneByteReader(strings.NewReader(`{"csrf_token":"x"}`)), 200},
		"nothing":       {iotest.OneByteReader(strings.NewReader("")), 400},
		"10 MB of '{'":  {io.LimitReader(endless('{'), 10<<20), 413},
		"a short array": {iotest.OneByteReader(strings.NewReader("[]")), 400},
	} {
		resp, err := server.Client().Post(server.URL+base+"/validate-csrf", jsonType, test.body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != test.want || err != nil || !bytes.HasPrefix(body, []byte(`{"status":"`)) {
			t.Errorf("%s: got %d %q, %v; want %d", name, resp.StatusCode, body, err, test.want)
		}
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestMethodsAndPaths(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	cookie, token := a.session()
	for _, call := range calls {
		method, name, _ := strings.Cut(call, " ")
		allow := "POST"
		if method == "GET" {
			allow = "GET, HEAD"
		}
		for _, wrong := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "X"} {
			if strings.Contains(allow, wrong) {
				continue
			}
			a.store.took()
			got := a.send(request(wrong, base+"/"+name, cookie, "X-CSRF-Token: "+token))
			if got.StatusCode != 405 || wrong != "HEAD" && got.Code != "METHOD_NOT_ALLOWED" || got.Header.Get("Allow") != allow {
				t.Errorf("%s %s: got %d with Allow %q, want 405 with %q", wrong, name, got.StatusCode, got.Header.Get("Allow"), allow)
			}
			if asked := a.store.took(); asked != "" || got.Header["Set-Cookie"] != nil {
				t.Errorf("%s %s: the store was asked %q, and the cookie set: %q", wrong, name, asked, got.Header["Set-Cookie"])
			}
		}
	}
	for _, path := range []string{base, base + "/", base + "/infos", base + "/info/", base + "/INFO", base + "//info", "/", "/info", base + "/info%00", base + "/devices/", base + "/devices//revoke", base + "/devices/x/y/revoke", base + "/devices/x/revoked"} {
		for _, method := range []string{"GET", "POST"} {
			if got := a.send(request(method, path, cookie)); inShort(got) != "404 NOT_FOUND" {
				t.Errorf("%s %s: got %s, want 404 NOT_FOUND", method, path, inShort(got))
			}
		}
	}
}

// A cookie header full of rubbish is a request without a session.
func TestRubbishInHeaders(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	for _, line := range []string{
		"Cookie: ;;;=;;", "Cookie: __Host-satra", "Cookie: __Host-satra=" + strings.Repeat("é", 32), "Cookie: __Host-satra=" + strings.Repeat("A", 1<<20),
		"X-CSRF-Token: \xff\xfe", "X-CSRF-Token: " + strings.Repeat("é", 1000), "Origin: ://", "Accept: \x00", "Content-Type: \xff",
	} {
		for _, call := range calls {
			method, name, _ := strings.Cut(call, " ")
			if got := a.send(request(method, base+"/"+name, line)); got.StatusCode >= http.StatusInternalServerError {
				t.Errorf("%s with %.40q: got %d", call, line, got.StatusCode)
			}
		}
	}
}
