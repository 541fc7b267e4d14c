package settings

import (
	"errors"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
)

// Who is told of what looks wrong, by a webhook or by e-mail.

// parseWebhook takes an address of https, or of this machine.
func parseWebhook(s *Settings, v string) error {
	u, err := url.Parse(v)
	local := err == nil && u.Scheme == "http" && isThisMachine(u.Hostname())
	if v != "" && (err != nil || u.Host == "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && !local) {
		return errors.New("not the address of a webhook")
	}
	s.AlertWebhook = v
	return nil
}

func isThisMachine(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// showWebhook leaves out the path, which is a secret with many a service.
func showWebhook(s *Settings) string {
	u, err := url.Parse(s.AlertWebhook)
	if err != nil || s.AlertWebhook == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// parseMailTo takes addresses with commas between.
func parseMailTo(s *Settings, v string) error {
	var list []string
	if strings.TrimSpace(v) != "" {
		all, err := mail.ParseAddressList(v)
		if err != nil {
			return errors.New("not addresses with commas between")
		}
		for _, a := range all {
			list = append(list, a.Address)
		}
	}
	s.AlertMail = list
	return nil
}

func parseMailFrom(s *Settings, v string) error {
	if v != "" {
		if _, err := mail.ParseAddress(v); err != nil {
			return errors.New("not an address")
		}
	}
	s.AlertMailFrom = v
	return nil
}

// parseMailServer looks at the form; detect.NewMailer has the rest to say.
func parseMailServer(s *Settings, v string) error {
	u, err := url.Parse(v)
	if v != "" && (err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Scheme != "smtp" && u.Scheme != "smtps") {
		return errors.New("not a mail server")
	}
	s.AlertMailServer = v
	return nil
}

var alertRules = []rule{
	{[]string{"alert-webhook", "alert-webhook-secret"}, func(s *Settings) string {
		return together("alert-webhook", s.AlertWebhook, "alert-webhook-secret", s.AlertWebhookSecret)
	}},
	{[]string{"alert-mail", "alert-mail-from", "alert-mail-server", "alert-mail-user"}, func(s *Settings) string {
		given := s.AlertMailFrom != "" || s.AlertMailServer != "" || s.AlertMailUser != ""
		switch {
		case len(s.AlertMail) > 0 && (s.AlertMailFrom == "" || s.AlertMailServer == ""):
			return "alert-mail is given without alert-mail-from or alert-mail-server; right is all three"
		case len(s.AlertMail) == 0 && given:
			return "a sender, a server or a user of e-mail is given without alert-mail; right is alert-mail, too"
		}
		return ""
	}},
	{[]string{"alert-mail-user", "alert-mail-password"}, func(s *Settings) string {
		return together("alert-mail-user", s.AlertMailUser, "alert-mail-password", s.AlertMailPassword)
	}},
}

// together wants both or neither.
func together(name, value, other, otherValue string) string {
	switch {
	case value != "" && otherValue == "":
		return name + " is given without " + other + "; right is both or neither"
	case value == "" && otherValue != "":
		return other + " is given without " + name + "; right is both or neither"
	}
	return ""
}
