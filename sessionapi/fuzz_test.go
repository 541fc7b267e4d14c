package sessionapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/satra-sessions/satra"
)

// FuzzValidateBody sends any body: whatever it is, the answer is a JSON
// envelope, is not stored, and is never a 5xx (send looks at that). @ in a body
// stands for the session's token.
func FuzzValidateBody(f *testing.F) {
	for _, body := range []string{
		`{"csrf_token":"@"}`, `{"csrf_token":"x"}`, `{"csrf\u005ftoken":"@"}`, ` { "a" : [1,{"b":null}] , "csrf_token" : "@" } `,
		`{"csrf_token":"@","csrf_token":"@"}`, `{"csrf_token":null}`, `{"csrf_token":["@"]}`, `{"CSRF_TOKEN":"@"}`,
		`null`, `[]`, `"@"`, `{}`, `{`, ``, " ", "{\"csrf_token\":\"\xff\"}", `{"csrf_token":"\ud800"}`, `{"csrf_token":"@"}x`, `{"a":1e999,"csrf_token":"x"}`,
		"\ufeff{}", strings.Repeat("[", 200), `{"":{"":0},"csrf_token":"\u0041"}`,
	} {
		f.Add(jsonType, body, true)
	}
	f.Add("text/plain", `{"csrf_token":"@"}`, true)
	f.Add("application/json; charset", `{"csrf_token":"@"}`, false)
	a := newApp(f, satra.Options{}, nil)
	cookie, token := a.session()
	f.Fuzz(func(t *testing.T, kind, body string, live bool) {
		a.t, a.events = t, nil
		a.store.took()
		body = strings.ReplaceAll(body, "@", token)
		shown := cookie
		if !live {
			shown = "Cookie: "
		}
		got := a.send(withBody(request("POST", base+"/validate-csrf", shown), kind, body))
		if got.Header["Set-Cookie"] != nil {
			t.Fatalf("%q sets a cookie", body)
		}
		switch got.StatusCode {
		case 200:
			want, ok := reference(body)
			if !ok || got.Valid == nil || *got.Valid != (live && want == token) {
				t.Fatalf("%q: got %s; its token is %q (%t)", body, got.raw, want, ok)
			}
		case 400, 413:
			if got.Code != satra.CodeBadRequest {
				t.Fatalf("%q: got %s", body, got.raw)
			}
			if _, ok := reference(body); ok && len(body) <= 64<<10 && !hasKeyTwice(body) {
				t.Fatalf("%q: got %s, and it is a token in an object", body, got.raw)
			}
		case 415:
			if kind == jsonType {
				t.Fatalf("%q: got %s", body, got.raw)
			}
		default:
			t.Fatalf("%q: got %d %s", body, got.StatusCode, got.raw)
		}
	})
}

// reference finds the token the slow way, and takes the last of two.
func reference(body string) (token string, ok bool) {
	var object map[string]json.RawMessage
	if !utf8.ValidString(body) || json.Unmarshal([]byte(body), &object) != nil {
		return "", false
	}
	value := object["csrf_token"]
	err := json.Unmarshal(value, &token)
	return token, err == nil && token != ""
}

// hasKeyTwice counts the members of the outermost object against the keys that
// a map keeps of them.
func hasKeyTwice(body string) bool {
	var counted counter
	var kept map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &kept) != nil || json.Unmarshal([]byte(body), &counted) != nil {
		return false
	}
	return int(counted) > len(kept)
}

// A counter counts the members of an object.
type counter int

func (c *counter) UnmarshalJSON(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case inString && b == '\\':
			i++
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		case b == ':' && depth == 1:
			*c++
		}
	}
	return nil
}
