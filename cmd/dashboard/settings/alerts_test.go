package settings

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestWhoIsTold(t *testing.T) {
	for _, right := range []string{"https://alerts.example/satra?team=1", "http://127.0.0.1:9000/x", "http://localhost/x", "http://[::1]/"} {
		s, err := Load([]string{"-alert-webhook", right, "-alert-webhook-secret", "/s"}, nil, nil)
		if err != nil || s.AlertWebhook != right {
			t.Errorf("%q: got %v", right, err)
		}
	}
	for _, wrong := range []string{"http://alerts.example/tok3n", "alerts.example/tok3n", "https://", "https://u:tok3n@alerts.example/", "ftp://alerts.example/tok3n", "https://alerts.example/tok3n#x", "https://al erts.example/tok3n"} {
		_, err := Load([]string{"-alert-webhook", wrong, "-alert-webhook-secret", "/s"}, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "right is https://") || strings.Contains(err.Error(), "tok3n") {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
	for _, alone := range [][]string{{"-alert-webhook", "https://alerts.example/"}, {"-alert-webhook-secret", "/s"}} {
		if _, err := Load(alone, nil, nil); err == nil || !strings.Contains(err.Error(), "right is both or neither") {
			t.Errorf("%q alone: got %v", alone, err)
		}
	}
	s, err := Load([]string{"-alert-webhook", "https://alerts.example/tok3n", "-alert-webhook-secret", "/s"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	s.Print(&shown)
	if !strings.Contains(shown.String(), "https://alerts.example/…") || strings.Contains(shown.String(), "tok3n") {
		t.Errorf("shown as\n%s", shown.String())
	}
}

func TestWhoIsToldByMail(t *testing.T) {
	all := []string{"-alert-mail", "Security <security@example.com>, op@example.org", "-alert-mail-from", "dash@example.com", "-alert-mail-server", "smtp://mail.example.com:587"}
	s, err := Load(all, nil, nil)
	if err != nil || !slices.Equal(s.AlertMail, []string{"security@example.com", "op@example.org"}) || s.AlertMailServer != "smtp://mail.example.com:587" {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, without := range []int{0, 2, 4} {
		if _, err := Load(slices.Delete(slices.Clone(all), without, without+2), nil, nil); err == nil || !strings.Contains(err.Error(), "right is a") {
			t.Errorf("without %s: got %v", all[without], err)
		}
	}
	for flag, wrong := range map[string]string{
		"-alert-mail": "nobody", "-alert-mail-from": "nobody", "-alert-mail-server": "http://mail.example.com", "-alert-mail-password": "/p",
	} {
		if _, err := Load(append(slices.Clone(all[:0]), flag, wrong), nil, nil); err == nil || !strings.Contains(err.Error(), "right is") {
			t.Errorf("%s %s: got %v", flag, wrong, err)
		}
	}
	if _, err := Load(append(all, "-alert-mail-user", "u"), nil, nil); err == nil || !strings.Contains(err.Error(), "alert-mail-user is given without alert-mail-password") {
		t.Errorf("a user without a password: got %v", err)
	}
	for _, wrong := range []string{"smtp://u:tok3n@mail.example.com", "mail.example.com", "smtp://", "smtp://mail.example.com/x?tok3n"} {
		if _, err := Load(append(all[:4:4], "-alert-mail-server", wrong), nil, nil); err == nil || strings.Contains(err.Error(), "tok3n") {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}
