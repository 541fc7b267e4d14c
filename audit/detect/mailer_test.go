package detect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

var guessing = Decision{Action: Notify, DryRun: true, Why: "tried", Finding: Finding{
	Rule: GuessingAccount, Strength: Weak, Text: "10 sign-ins of one account were refused – within 1m.", Principal: "asha", Session: satra.ID{1},
	At: time.Date(2027, 1, 5, 4, 0, 0, 0, time.UTC), Facts: []Fact{{"refused", "10"}, {"last network", "198.51.100.9"}},
	Entries: []EntryRef{{"w", 3, time.Date(2027, 1, 5, 3, 59, 0, 0, time.UTC)}, {"w", 12, time.Date(2027, 1, 5, 4, 0, 0, 0, time.UTC)}},
}}

func mailer(t *testing.T, o MailerOptions) *Mailer {
	t.Helper()
	if o.From == "" {
		o.From = "Alerts <alerts@example.com>"
	}
	if o.To == nil {
		o.To = []string{"operator@example.org"}
	}
	m, err := NewMailer(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// read takes a letter apart.
func read(t *testing.T, text string) (header mail.Header, body string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, strings.ReplaceAll(string(b), "\r\n", "\n")
}

func subject(t *testing.T, h mail.Header) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAFindingIsMailed by STARTTLS, by TLS from the beginning, and in the clear on this
// machine.
func TestAFindingIsMailed(t *testing.T) {
	for _, scheme := range []string{"smtp", "smtps", "in the clear"} {
		p := newPostOffice(t)
		o := MailerOptions{Username: "alerts", Password: "open sesame", Name: "Market dashboard", Roots: p.roots, Attempts: 1, Problem: func(err error) { t.Errorf("%s: %v", scheme, err) }}
		p.implicit = scheme == "smtps"
		if scheme == "in the clear" {
			o.Roots, p.noTLS = nil, true
		}
		o.Server = map[bool]string{true: "smtps://", false: "smtp://"}[p.implicit] + p.listen(t)
		m := mailer(t, o)
		if err := m.Notify(t.Context(), guessing); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		letters, secret, clear := p.taken()
		if len(letters) != 1 || letters[0].from != "FROM:<alerts@example.com> BODY=8BITMIME" || letters[0].to != "TO:<operator@example.org>" {
			t.Fatalf("%s: got %q", scheme, letters)
		}
		if scheme != "in the clear" && (strings.Contains(clear, "AUTH") || strings.Contains(clear, "MAIL") || !strings.Contains(secret, "AUTH PLAIN")) {
			t.Errorf("%s: over TLS it said %s, in the clear %s", scheme, secret, clear)
		}
		h, body := read(t, letters[0].text)
		if got := subject(t, h); got != "Market dashboard: guessing_account (weak)" || h.Get("From") != `"Alerts" <alerts@example.com>` || h.Get("To") != "<operator@example.org>" {
			t.Errorf("%s: got %q, %v", scheme, got, h)
		}
		if _, err := h.Date(); err != nil || !strings.HasSuffix(h.Get("Message-Id"), "@example.com>") || len(h.Get("Message-Id")) < 30 {
			t.Errorf("%s: got %v", scheme, h)
		}
		const want = `10 sign-ins of one account were refused – within 1m.

Rule         guessing_account (weak)
Time         2027-01-05 04:00:00 UTC
Account      asha
Session      AQAAAAAAAAAAAAAAAAAAAA
Action       notify, if the policy were enforced
Because      tried

Facts
  refused    10
  last network 198.51.100.9

Entries of the audit log
  2027-01-05 03:59:00  w/3
  2027-01-05 04:00:00  w/12
`
		if body != want {
			t.Errorf("%s: got %s", scheme, body)
		}
	}
}

// TestNothingIsToldWithoutTLS has a server offer none, as if somebody on the line had
// left it out, and one that shows a certificate nobody vouches for.
func TestNothingIsToldWithoutTLS(t *testing.T) {
	for name, change := range map[string]func(*postOffice){
		"no offer":              func(p *postOffice) { p.noTLS = true },
		"a refusal":             func(p *postOffice) { p.answers = map[string]string{"STARTTLS": "454 not now"} },
		"another's certificate": func(p *postOffice) { p.cert = newPostOffice(t).cert },
	} {
		p := newPostOffice(t)
		change(p)
		var problem error
		m := mailer(t, MailerOptions{
			Server: "smtp://" + p.listen(t), Roots: p.roots, Attempts: 1, Username: "alerts", Password: "open sesame", Problem: func(err error) { problem = err },
		})
		if err := errors.Join(m.Notify(t.Context(), guessing), m.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		letters, secret, clear := p.taken()
		if said := secret + clear; problem == nil || strings.Contains(problem.Error(), "sesame") || len(letters) > 0 || strings.Contains(said, "AUTH") || strings.Contains(said, "MAIL") {
			t.Errorf("%s: got the problem %v; it was told %s", name, problem, said)
		}
	}
}

// TestAClientWritesNoHeader has everything that comes from clients hold headers, the end
// of a letter, and commands.
func TestAClientWritesNoHeader(t *testing.T) {
	const evil = "x\r\nBcc: victim@example.net\r\n\r\n.\r\nMAIL FROM:<x@example.net>\r\n\u202e\x1b[2J"
	p := newPostOffice(t)
	m := mailer(t, MailerOptions{Server: "smtp://" + p.listen(t), Roots: p.roots, Problem: func(err error) { t.Error(err) }})
	d := Decision{Why: evil, Finding: Finding{
		Rule: Rule(evil), Strength: Strength(evil), Text: evil, Principal: evil, Network: evil, Facts: []Fact{{evil, evil}}, Entries: []EntryRef{{Writer: evil}},
	}}
	if err := errors.Join(m.Notify(t.Context(), d), m.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	letters, _, _ := p.taken()
	if len(letters) != 1 {
		t.Fatalf("got %d letters, want one", len(letters))
	}
	h, body := read(t, letters[0].text)
	names := slices.Sorted(maps.Keys(h))
	if want := "[Auto-Submitted Content-Transfer-Encoding Content-Type Date From Message-Id Mime-Version Subject To]"; fmt.Sprint(names) != want {
		t.Errorf("got the headers %v, want %s", names, want)
	}
	for _, line := range strings.Split(body, "\n") {
		if strings.HasPrefix(line, "Bcc") || strings.HasPrefix(line, "MAIL") || line == "." || strings.ContainsAny(line, "\r\x1b\u202e") {
			t.Errorf("a client has written the line %q", line)
		}
	}
}

// inABubble has a mailer talk to a server over a pipe, of which fails many conversations
// cannot be begun.
func inABubble(t *testing.T, p *postOffice, o MailerOptions, fails int) *Mailer {
	t.Helper()
	o.Server = "smtp://127.0.0.1"
	m := mailer(t, o)
	m.server.dial = func(context.Context, string, string) (net.Conn, error) {
		if fails > 0 {
			fails--
			return nil, errors.New("nobody listens")
		}
		client, server := net.Pipe()
		go p.serve(server)
		return client, nil
	}
	return m
}

// TestALetterIsRepeatedUntilItIsTaken with the ID that it had, and not when the server
// says that it never takes it.
func TestALetterIsRepeatedUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for at, answer := range map[string]string{"": "421 not now", "EHLO": "421 not now", "MAIL": "451 not now", ".": "451 not now", "DATA": "452 not now"} {
			p := &postOffice{noTLS: true, once: true, answers: map[string]string{at: answer}}
			m := inABubble(t, p, MailerOptions{Problem: func(err error) { t.Errorf("%s: %v", answer, err) }}, 2)
			if err := errors.Join(m.Notify(t.Context(), guessing), m.Close(t.Context())); err != nil {
				t.Fatal(err)
			}
			if letters, _, _ := p.taken(); len(letters) != 1 {
				t.Errorf("%q to %q: got %d letters, want one", answer, at, len(letters))
			}
		}
		// The answer to the letter is lost.
		p := &postOffice{noTLS: true}
		m := inABubble(t, p, MailerOptions{}, 0)
		inner := m.box.send
		again := true
		m.box.send = func(ctx context.Context, l letter) (bool, error) {
			if _, err := inner(ctx, l); err != nil || again {
				again = false
				return true, errors.New("no answer")
			}
			return false, nil
		}
		if err := errors.Join(m.Notify(t.Context(), guessing), m.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		letters, _, _ := p.taken()
		if len(letters) != 2 || letters[0].text != letters[1].text {
			t.Errorf("got %q, want the same letter twice", letters)
		}
	})
}

// TestAnAddressThatIsRefusedKeepsNothingFromTheOthers gives the letter to it up at once.
func TestAnAddressThatIsRefusedKeepsNothingFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &postOffice{noTLS: true, answers: map[string]string{"RCPT TO:<gone@example.org>": "550 \x1bnobody"}}
		var problems []string
		m := inABubble(t, p, MailerOptions{To: []string{"gone@example.org", "here@example.org"}, Problem: func(err error) { problems = append(problems, err.Error()) }}, 0)
		before := time.Now()
		if err := errors.Join(m.Notify(t.Context(), guessing), m.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		letters, _, _ := p.taken()
		if len(letters) != 1 || letters[0].to != "TO:<here@example.org>" || len(problems) != 1 || !strings.Contains(problems[0], `it answers 550 \x1bnobody`) {
			t.Errorf("got %q, and the problems %q", letters, problems)
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("it was repeated, for %v", took)
		}
	})
}

// TestAFloodDoesNotFloodTheMailbox has one rule speak 500 times in an hour, and another
// once.
func TestAFloodDoesNotFloodTheMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &postOffice{noTLS: true}
		m := inABubble(t, p, MailerOptions{Problem: func(err error) { t.Error(err) }}, 0)
		other := guessing
		other.Finding.Rule = ReusedToken
		notify := func(n int, d Decision) {
			for range n {
				if err := m.Notify(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		got := func(want ...string) {
			t.Helper()
			letters, _, _ := p.taken()
			var last string
			if len(letters) > 0 {
				h, body := read(t, letters[len(letters)-1].text)
				last = subject(t, h) + "\n" + body
			}
			for _, w := range want[1:] {
				if !strings.Contains(last, w) {
					t.Errorf("the last is %s, want %q", last, w)
				}
			}
			if fmt.Sprint(len(letters)) != want[0] {
				t.Errorf("got %d letters, want %s", len(letters), want[0])
			}
		}
		notify(500, guessing)
		got("10", "guessing_account (weak)")
		notify(3, other) // the first of its rule
		got("11", "reused_token (weak)")
		time.Sleep(time.Hour)
		synctest.Wait()
		got("12", "Satra: … and 492 more", "Beyond the 11 messages", "490  guessing_account", "2  reused_token")
		notify(20, guessing)
		got("22", "guessing_account (weak)")
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		got("23", "Satra: … and 10 more")
		if err := m.Notify(t.Context(), guessing); err == nil {
			t.Error("a closed mailer takes messages")
		}
		if err := m.Close(t.Context()); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
}

// TestAServerThatSaysNothing is given up, after as long as one letter may take.
func TestAServerThatSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var problem error
		m := inABubble(t, nil, MailerOptions{Attempts: 1, Problem: func(err error) { problem = err }}, 0)
		m.server.dial = func(context.Context, string, string) (net.Conn, error) {
			client, _ := net.Pipe()
			return client, nil
		}
		before := time.Now()
		if err := errors.Join(m.Notify(t.Context(), guessing), m.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); problem == nil || took != mailPatience {
			t.Errorf("got %v after %v", problem, took)
		}
	})
}

func TestAMailerThatIsNone(t *testing.T) {
	good := MailerOptions{Server: "smtp://mail.example", From: "a@example.com", To: []string{"b@example.com"}, Username: "u", Password: "sesame"}
	for name, change := range map[string]func(*MailerOptions){
		"Server":   func(o *MailerOptions) { o.Server = "http://mail.example:25" },
		"without":  func(o *MailerOptions) { o.Server = "smtps://u:sesame@mail.example" },
		"465":      func(o *MailerOptions) { o.Server = "smtp://mail.example:sesame" },
		"smtp://":  func(o *MailerOptions) { o.Server = "smtp://" },
		"From":     func(o *MailerOptions) { o.From = "a@example.com\r\nBcc: c@example.com" },
		"To":       func(o *MailerOptions) { o.To = []string{"b@example.com", "nobody"} },
		"one":      func(o *MailerOptions) { o.To = nil },
		"Name":     func(o *MailerOptions) { o.Name = "x\r\nBcc: c@example.com" },
		"Username": func(o *MailerOptions) { o.Username = "" },
	} {
		o := good
		change(&o)
		if _, err := NewMailer(o); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := NewMailer(MailerOptions{}); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v, want all that lacks at once", err)
	}
	for server, want := range map[string]mailServer{
		"smtp://mail.example":       {host: "mail.example", address: "mail.example:587"},
		"smtps://mail.example":      {host: "mail.example", address: "mail.example:465", implicit: true},
		"smtp://mail.example:25":    {host: "mail.example", address: "mail.example:25"},
		"smtp://localhost":          {host: "localhost", address: "localhost:587", clear: true},
		"smtp://[::1]:2525":         {host: "::1", address: "[::1]:2525", clear: true},
		"smtp://[2001:db8::1]":      {host: "2001:db8::1", address: "[2001:db8::1]:587"},
		"smtps://localhost:4650":    {host: "localhost", address: "localhost:4650", implicit: true},
		"smtp://localhost.example/": {},
	} {
		got, err := parseServer(MailerOptions{Server: server})
		if err != nil {
			got = &mailServer{}
		}
		if got.host != want.host || got.address != want.address || got.implicit != want.implicit || got.clear != want.clear {
			t.Errorf("%s: got %q, %q, TLS at once %v, in the clear %v, %v", server, got.host, got.address, got.implicit, got.clear, err)
		}
	}
	if got := fmt.Sprintf("%v %+v %#v %s", good, good, good, &good); strings.Contains(got, "sesame") {
		t.Errorf("printed, the options show the password: %s", got)
	}
}
