package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/sqlitestore"
)

// logOf reads the audit log of a dashboard that has ended, which must verify.
func logOf(t *testing.T, data string) []audit.Entry {
	t.Helper()
	keys, err := audit.ReadKeys(filepath.Join(data, "audit-keys"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(filepath.Join(data, "audit.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, err := os.Open(filepath.Join(data, "audit-heads.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	points, err := audit.ReadCheckpoints(f)
	if err != nil || len(points) == 0 {
		t.Fatalf("got %d checkpoints, %v", len(points), err)
	}
	r := audit.NewReader(s, keys)
	report, err := r.Verify(t.Context(), points, nil)
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("the log does not verify: %v, %v", report.Findings, err)
	}
	var entries []audit.Entry
	for f := (audit.Filter{Oldest: true, Limit: 1000}); ; f.After = entries[len(entries)-1] {
		page, err := r.Entries(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if entries = append(entries, page...); len(page) < f.Limit {
			return entries
		}
	}
}

// TestWhatHappensIsRecorded has somebody guess and sign in, out and end another
// session, and looks for each in the log, with who, from where and why.
func TestWhatHappensIsRecorded(t *testing.T) {
	data := t.TempDir()
	if _, err := add(t, passphrase, "-data-dir", data, "-add-account", "asha"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := start(t, ctx, data)
	if !strings.Contains(p.report, "audit-keys was made") || !strings.Contains(p.report, "audit.db, kept for 365 days") {
		t.Errorf("the report does not tell of the audit log:\n%s", p.report)
	}
	first, second := browser(t), browser(t)
	post := func(c *http.Client, page, path string, form url.Values) string {
		_, text := get(t, c, p.origin+page)
		form.Set("csrf_token", hiddenToken.FindStringSubmatch(text)[1])
		r, _ := http.NewRequestWithContext(t.Context(), "POST", p.origin+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", p.origin)
		_, body := send(t, c, r)
		return body
	}
	post(first, "/signin", "/signin", url.Values{"name": {"asha"}, "passphrase": {"not the passphrase"}})
	signIn(t, first, p.origin, "asha")
	signIn(t, second, p.origin, "asha")
	post(first, "/security", "/security/end-others", url.Values{})
	post(first, "/security", "/session/end", url.Values{})
	cancel()
	p.wantEnd()

	var got []string
	principal := ""
	for _, e := range logOf(t, data) {
		if strings.HasPrefix(string(e.Kind), "audit_") || e.Kind == satra.EventCreated {
			continue
		}
		got = append(got, string(e.Kind)+" "+string(e.Reason)+" "+e.Detail)
		if principal == "" {
			principal = e.Principal
		}
		if e.Principal != principal || e.Address.String() != "127.0.0.1" || e.Request == "" || e.UserAgent == "" {
			t.Errorf("got %+v, want who, from where, by which request", e)
		}
	}
	// Refusals are counted for a while before they are written.
	for _, want := range []string{"signed_in  passphrase", "ended signed_out_elsewhere ", "ended signed_out ", "sign_in_refused  wrong name or passphrase"} {
		if !strings.Contains(strings.Join(got, "\n")+"\n", want+"\n") {
			t.Errorf("the log lacks %q:\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// shown asks for a page until it has a text: an entry is there once the sink has it.
func shown(t *testing.T, c *http.Client, url, want string) string {
	t.Helper()
	body := ""
	for range 1000 {
		if _, body = get(t, c, url); strings.Contains(body, want) {
			return body
		}
	}
	t.Errorf("%s lacks %q:\n%s", url, want, body)
	return body
}

// activity is one's own, by the session API, once it tells of so many sign-ins. The
// page is asked until then: of the API nobody may ask that often.
func activity(t *testing.T, c *http.Client, origin string, signIns int) string {
	t.Helper()
	for range 1000 {
		if _, page := get(t, c, origin+"/security/history"); strings.Count(page, "Signed in with passphrase") >= signIns {
			break
		}
	}
	resp, body := get(t, c, origin+"/api/session/activity")
	if got := strings.Count(body, `"kind":"signed_in"`); resp.StatusCode != 200 || got != signIns {
		t.Errorf("got %d with %d sign-ins, want %d: %s", resp.StatusCode, got, signIns, body)
	}
	return body
}

func TestOnesOwnActivityIsShown(t *testing.T) {
	s := stage(t)
	page := shown(t, s.victim, s.origin+"/security/history", "Signed in with passphrase on Go, from 127.0.0.1.")
	if !strings.Contains(page, "This was not me") {
		t.Errorf("there is no way to say that it was somebody else:\n%s", page)
	}
	shown(t, s.victim, s.origin+"/security", "Signed in with passphrase on Go, from 127.0.0.1.")
	if body := activity(t, s.victim, s.origin, 1); !strings.Contains(body, `"text":"Signed in with passphrase on Go, from 127.0.0.1"`) {
		t.Errorf("the activity does not tell it in words: %s", body)
	}
	if resp, _ := get(t, s.victim, s.origin+"/security/history?after=x"); resp.StatusCode != 400 {
		t.Errorf("a page that is none: got %d, want 400", resp.StatusCode)
	}
	mallory := browser(t)
	signIn(t, mallory, s.origin, "mallory")
	if body := activity(t, mallory, s.origin, 1); strings.Count(body, `"kind"`) != 1 {
		t.Errorf("another account sees more than its own sign-in: %s", body)
	}
}

func TestWithoutAnAuditLogThereIsNoActivity(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	data := t.TempDir()
	p := start(t, ctx, data, "-audit", "off")
	for _, path := range []string{"/api/session/activity"} {
		if resp, _ := get(t, browser(t), p.origin+path); resp.StatusCode != 404 {
			t.Errorf("%s: got %d, want 404", path, resp.StatusCode)
		}
	}
	if _, err := os.Stat(filepath.Join(data, "audit.db")); err == nil {
		t.Error("a log was made")
	}
	cancel()
	p.wantEnd()
	wantRefusal(t, []string{"-audit", "sqlite:" + t.TempDir()}, "audit: ")
}

// TestFindingsAreRecordedAndShown signs in on a device that the account was not seen
// with, on a program that has been started again since the first.
func TestFindingsAreRecordedAndShown(t *testing.T) {
	data := t.TempDir()
	if _, err := add(t, passphrase, "-data-dir", data, "-add-account", "asha"); err != nil {
		t.Fatal(err)
	}
	agent := func(name string) *http.Client {
		c := browser(t)
		c.Transport = withAgent(name)
		return c
	}
	const laptop, phone = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"
	for i, c := range []*http.Client{agent(laptop), agent(laptop), agent(phone)} {
		ctx, cancel := context.WithCancel(t.Context())
		p := start(t, ctx, data)
		signIn(t, c, p.origin, "asha")
		if i == 2 {
			shown(t, c, p.origin+"/security/history", "Noticed: A sign-in with Safari on iOS, which this account was not seen with before, from 127.0.0.1.")
		}
		cancel()
		p.wantEnd()
	}
	found := 0
	for _, e := range logOf(t, data) {
		if e.Kind == audit.KindFinding {
			found++
			if e.Reason != "new_device" || e.Principal == "" {
				t.Errorf("got %+v", e)
			}
		}
	}
	if found != 1 {
		t.Errorf("got %d findings, want one: the laptop was seen before", found)
	}
}

// withAgent is a browser of that name.
type withAgent string

func (a withAgent) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", string(a))
	return http.DefaultTransport.RoundTrip(r)
}
