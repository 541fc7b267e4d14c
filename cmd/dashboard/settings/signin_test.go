package settings

import (
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

func TestSignUpIsOpenOnThisMachineOnly(t *testing.T) {
	const lan = "-addr 192.0.2.7:8080 -insecure-listen "
	for flags, want := range map[string]bool{
		"":                                    true,
		"-addr [::1]:0":                       true,
		"-signup closed":                      false,
		"-public-origin https://dash.example": false,
		lan:                                   false,
		"-addr :8080 -tls-cert c -tls-key k":  false,
		lan + "-signup open":                  true,
		"-public-origin https://a.b -signup open": true,
	} {
		s, err := load(flags, nil, "")
		if err != nil {
			t.Errorf("%s: got the error %v, want none", flags, err)
		} else if got := s.SignUpOpen(); got != want {
			t.Errorf("%s: got open %v, want %v", flags, got, want)
		}
	}
}

func TestWhatIsTurnedOff(t *testing.T) {
	s, err := load("-renew-after off -session-limit off -remember off", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if s.RenewAfter != satra.Never || s.SessionLimit != satra.Unlimited || s.Remember != satra.Never {
		t.Errorf("got %v, %d and %v", s.RenewAfter, s.SessionLimit, s.Remember)
	}
	for _, name := range []string{"renew-after", "session-limit", "remember"} {
		if got := find(name).show(s); got != "off" {
			t.Errorf("%s: got %q, want off", name, got)
		}
	}
}

func TestTheSettingsOfSignInThatAreWrong(t *testing.T) {
	for flags, want := range map[string]string{
		"-renew-after 1m":               `"1m" is too short; right is seconds or a duration from 2m to 720h, or off`,
		"-renew-after never":            `"never" is not a duration`,
		"-session-limit 0":              `"0" is too few; right is a number from 1 to 1000, or off`,
		"-session-limit 1001":           `"1001" is too many`,
		"-session-limit ten":            `"ten" is not a number`,
		"-session-limit 010":            `"010" is not a number`,
		"-remember 59m":                 `"59m" is too short`,
		"-remember 9000h":               `"9000h" is too long`,
		"-daily-end 06:00":              `"06:00" is not a time of the day and its zone; right is a time and its zone such as 06:00 Asia/Kolkata`,
		"-database memory":              `"memory" is not a database for accounts`,
		"-database redis://a:1":         "is not a database for accounts",
		"-database app.db":              `"app.db" is not the name of a database`,
		"-database sqlite:a?shared=1":   "is a file with more behind it",
		"-signup yes":                   `"yes" is not a choice; right is auto, open or closed`,
		"-add-account=":                 "add-account is given without a name",
		"-add-account a -add-account b": "-add-account is given twice",
	} {
		_, err := load(flags, nil, "")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got the error %v\nwant one line with %s", flags, err, want)
		}
	}
}

func TestTheDailyEndIsRead(t *testing.T) {
	s, err := Load([]string{"-daily-end", "06:00 Asia/Kolkata"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 3, 2, 6, 30, 0, 0, time.UTC)
	if got, want := s.DailyEnd.Next(noon), time.Date(2026, 3, 3, 0, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
