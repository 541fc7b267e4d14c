package main

import (
	"context"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A mailbox is a mail server on this machine, spoken to in the clear, that keeps the text
// of what comes.
type mailbox struct {
	mu      sync.Mutex
	letters []string
}

func openMailbox(t *testing.T) (m *mailbox, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m = new(mailbox)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { m.serve(textproto.NewConn(conn)) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return m, "smtp://" + l.Addr().String()
}

func (m *mailbox) serve(c *textproto.Conn) {
	defer c.Close()
	c.PrintfLine("220 mailbox")
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "DATA":
			c.PrintfLine("354 go on")
			text, err := c.ReadDotLines()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.letters = append(m.letters, strings.Join(text, "\n"))
			m.mu.Unlock()
			c.PrintfLine("250 kept")
		case "QUIT":
			c.PrintfLine("221 bye")
			return
		default:
			c.PrintfLine("250 mailbox")
		}
	}
}

// TestAFindingIsToldByMail to everybody who is to know, and by the webhook.
func TestAFindingIsToldByMail(t *testing.T) {
	box, server := openMailbox(t)
	told := newReceiver(t)
	w := watchOver(t, []string{"asha"}, append(told.args, "-alert-mail", "security@example.com,operator@example.org",
		"-alert-mail-from", "dashboard@example.com", "-alert-mail-server", server)...)
	victim := w.client(aFirefox, home).signIn("asha")
	victim.thief(aChrome, abroad).get("/")
	victim.untilAsked()
	w.close()
	if len(box.letters) != 2 {
		t.Fatalf("got %d letters, want one for each of two", len(box.letters))
	}
	for i, to := range []string{"security@example.com", "operator@example.org"} {
		for _, want := range []string{"To: <" + to + ">", "browser_changed", "now        Chrome on Linux", "network    198.51.100.9", "Action       step-up"} {
			if !strings.Contains(box.letters[i], want) {
				t.Errorf("the letter lacks %q:\n%s", want, box.letters[i])
			}
		}
	}
	if told.action["browser_changed"] != "step-up" {
		t.Errorf("the webhook was told %v", told.action)
	}
}

// TestAlertsThatCannotBe stop the start, and say which setting is at fault.
func TestAlertsThatCannotBe(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mail := []string{"-alert-mail", "a@example.com", "-alert-mail-from", "b@example.com", "-alert-mail-server", "smtps://mail.example.com"}
	for want, args := range map[string][]string{
		"alert-webhook-secret: ": {"-alert-webhook", "https://alerts.example/tok3n", "-alert-webhook-secret", "/nowhere"},
		"alert-webhook: ":        {"-alert-webhook", "https://alerts.example/tok3n", "-alert-webhook-secret", short},
		"alert-mail-password: ":  append(mail, "-alert-mail-user", "u", "-alert-mail-password", "/nowhere"),
	} {
		err := run(context.Background(), append(args, "-addr", "127.0.0.1:0", "-data-dir", t.TempDir()), nil, new(lines), new(lines))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "tok3n") {
			t.Errorf("%q: got %v, want it to begin with %q", args, err, want)
		}
	}
}

// TestPlacesThatCannotBeRead stop the start.
func TestPlacesThatCannotBeRead(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("203.0.113.0/24,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, []string{"-detection-places", bad}, "detection-places: "+bad+": line 1: it has 2 fields")
	wantRefusal(t, []string{"-detection-places", "/nowhere"}, "detection-places: ")
}
