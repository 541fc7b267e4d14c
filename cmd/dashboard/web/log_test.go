package web_test

import (
	"strings"
	"testing"

	"github.com/satra-sessions/satra/cmd/dashboard/web"
)

func TestTheLogHasNoSecrets(t *testing.T) {
	v := newVisitor(t, web.Config{})
	_, page := v.get("/?q=" + "topsecret")
	v.submit("/watchlist/add", "symbol=INFY")
	_, token, _ := strings.Cut(v.cookie, "=")
	for name, secret := range map[string]string{
		"the token": token, "the token's secret": token[22:], "a CSRF token": tokenOf.FindStringSubmatch(page)[1], "the query": "topsecret",
	} {
		if strings.Contains(v.log.String(), secret) {
			t.Errorf("%s was logged:\n%s", name, v.log)
		}
	}
	if strings.Contains(page, token) || strings.Contains(page, token[22:]) {
		t.Error("the page holds the token")
	}
	if !strings.Contains(v.log.String(), "event.kind=created") {
		t.Errorf("the log lacks the session's begin:\n%s", v.log)
	}
}

func TestThePollingPageStaysOutOfTheLogAndItsRefusalsDoNot(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.get("/market", "X-Session-Background: 1")
	v.get("/nope", "X-Session-Background: 1")
	v.get("/ended")
	for path, level := range map[string]string{"/market": "DEBUG", "/nope": "INFO", "/ended": "INFO"} {
		if line := "level=" + level + " msg=request method=GET path=" + path; !strings.Contains(v.log.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, v.log)
		}
	}
}

func TestTheLogNamesTheClientBehindTheProxy(t *testing.T) {
	v := newVisitor(t, web.Config{Proxies: []string{"192.0.2.1"}})
	v.get("/", "X-Forwarded-For: 203.0.113.9")
	for _, line := range strings.Split(strings.TrimSpace(v.log.String()), "\n") {
		if !strings.Contains(line, "client=203.0.113.9") {
			t.Errorf("a line that names another client, or none: %s", line)
		}
	}
}
