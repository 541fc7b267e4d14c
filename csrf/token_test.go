package csrf_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
)

// in runs f in a request of a new session, or of none.
func in(t *testing.T, session bool, f func(r *http.Request)) {
	t.Helper()
	a := newApp(t, csrf.Options{})
	send(a.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if session {
			if err := satra.Start(r.Context()); err != nil {
				t.Fatal(err)
			}
		}
		f(r)
	})), request("GET", "/"))
}

func TestTokensAreMaskedAfresh(t *testing.T) {
	in(t, true, func(r *http.Request) {
		stable, err := csrf.StableToken(r.Context())
		if err != nil || len(stable) != 43 {
			t.Fatalf("StableToken: got %q, %v; want 43 characters", stable, err)
		}
		if again, _ := csrf.StableToken(r.Context()); again != stable {
			t.Errorf("StableToken: got %q, then %q", stable, again)
		}
		seen := map[string]bool{}
		for range 50 {
			token, err := csrf.Token(r.Context())
			if err != nil || len(token) != 86 || seen[token[:43]] || seen[token[43:]] {
				t.Fatalf("Token: got %q, %v; want 86 characters, new ones each time", token, err)
			}
			seen[token[:43]], seen[token[43:]] = true, true
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil {
				t.Fatal(err)
			}
			if want, _ := base64.RawURLEncoding.DecodeString(stable); strings.Contains(string(raw), string(want)) {
				t.Fatal("the token stands in its masked form")
			}
			if ok, err := csrf.Valid(r.Context(), token); !ok || err != nil {
				t.Fatalf("Valid: got %t, %v", ok, err)
			}
		}
	})
}

func TestValid(t *testing.T) {
	in(t, true, func(r *http.Request) {
		stable, _ := csrf.StableToken(r.Context())
		masked, _ := csrf.Token(r.Context())
		spare := stable[:42] + string(stable[42]+1) // the last character has two spare bits, which are zero
		for _, test := range []struct {
			name, text string
			want       bool
		}{
			{"stable", stable, true},
			{"masked", masked, true},
			{"empty", "", false},
			{"zeros", strings.Repeat("A", 43), false},
			{"masked zeros", strings.Repeat("A", 86), false},
			{"one character changed", other(stable), false},
			{"one character of the pad changed", other(masked), false},
			{"spare bits", spare, false},
			{"too short", stable[:42], false},
			{"padded", stable + "=", false},
			{"twice", stable + stable, false},
			{"line break", stable[:20] + "\n" + stable[20:42], false},
			{"white space", " " + stable[:42], false},
			{"standard alphabet", strings.Repeat("+", 43), false},
			{"very long", strings.Repeat("A", 1<<20), false},
		} {
			if got, err := csrf.Valid(r.Context(), test.text); got != test.want || err != nil {
				t.Errorf("%s: got %t, %v; want %t", test.name, got, err, test.want)
			}
		}
	})
}

func TestTokensNeedASession(t *testing.T) {
	in(t, false, func(r *http.Request) {
		_, masked := csrf.Token(r.Context())
		_, stable := csrf.StableToken(r.Context())
		_, field := csrf.FormField(r.Context())
		_, valid := csrf.Valid(r.Context(), strings.Repeat("A", 43))
		for _, err := range []error{masked, stable, field, valid} {
			if !errors.Is(err, satra.ErrNoSession) {
				t.Errorf("got %v, want ErrNoSession", err)
			}
		}
	})
}
