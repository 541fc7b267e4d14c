// Package settings reads how the dashboard shall run: from its flags, the
// environment and a file, in this order of precedence, and from defaults. One
// table holds every setting, so that all of them have each of these ways, the
// same text in -h and in the documents, and an origin in -print-config.
//
//	s, err := settings.Load(os.Args[1:], os.Environ(), os.ReadFile)
//	switch {
//	case errors.Is(err, settings.ErrHelp):
//		settings.Usage(os.Stdout)
//		return nil
//	case err != nil:
//		return err // every problem, one a line
//	case s.PrintConfig:
//		s.Print(os.Stdout)
//		return nil
//	}
//
// What is not understood stops the start: a setting that is ignored in silence
// is one that somebody relies on.
package settings

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit/detect"
)

// ErrHelp is the error of [Load] if -h or -help was asked for: no fault.
var ErrHelp = errors.New("settings: help was asked for")

// Settings are the dashboard's. They are valid if [Load] made them.
type Settings struct {
	Addr            string        // host:port; no host: all of the machine's addresses; port 0: a free one
	DataDir         string        // made with mode 0700 by the program
	Store           string        // for storename.Parse; it may hold a password
	SealKeys        string        // SealAuto, SealOff, or for seal.ParseSource
	SessionTimeout  time.Duration // the idle timeout, in whole seconds
	SessionLifetime time.Duration // in whole seconds
	RenewAfter      time.Duration // satra.Never: not at all
	SessionLimit    int           // satra.Unlimited: none
	Remember        time.Duration // satra.Never: not offered
	DailyEnd        satra.DailyEnd
	Database        string        // see [Settings.DatabaseName]; it may hold a password
	SignUp          string        // "auto", "open" or "closed"; see [Settings.SignUpOpen]
	Audit           string        // see [Settings.AuditName]; off: none
	AuditKeys       string        // see [Settings.AuditKeysFile]
	AuditHeads      string        // see [Settings.AuditHeadsFile]
	AuditRetention  time.Duration // satra.Never: for ever
	Detection       string        // off, DetectionTry or DetectionEnforce
	SecureCookie    string        // "auto", "on" or "off"; see [Settings.CookieSecure]
	PublicOrigin    string        // as a browser sends it, "https://dash.example"; or ""
	TrustedProxies  []netip.Prefix
	TLSCert         string // file names: both or none
	TLSKey          string
	InsecureListen  bool
	MarketCalendar  string // a file name, or ""
	LogFormat       string // "text" or "json"
	LogLevel        slog.Level
	Config          string // the file that was read, or ""
	PrintConfig     bool
	AddAccount      string // the name of an account to make, or ""

	DetectionActions   map[detect.Rule]detect.Action // see [Settings.Actions]
	DetectionPlaces    string                        // a file name, or ""
	AlertWebhook       string                        // an address, or ""; it may be a secret
	AlertWebhookSecret string                        // a file name: with AlertWebhook
	AlertMail          []string                      // addresses; or none
	AlertMailFrom      string                        // with AlertMail, and the server, too
	AlertMailServer    string                        // smtp://host:587 or smtps://host:465
	AlertMailUser      string                        // of the server; or ""
	AlertMailPassword  string                        // a file name: with AlertMailUser

	// Warnings name what is odd and does not stop the start.
	Warnings []string

	origins map[string]string // setting → where its value comes from
}

// Load reads the settings. It touches nothing but its arguments: args are the
// program's without its name, environ is as [os.Environ], readFile as
// [os.ReadFile]. An environment variable that is empty counts as not set, as
// a container's configuration often cannot leave one out.
//
// The error is [ErrHelp], or a [*Problems] with all that is wrong: a value is
// checked even where another source overrides it.
func Load(args, environ []string, readFile func(string) ([]byte, error)) (*Settings, error) {
	l := &loader{
		s:        &Settings{origins: map[string]string{}},
		environ:  environ,
		readFile: readFile,
		bad:      map[string]bool{},
	}
	for i := range table {
		l.set(&table[i], table[i].byDefault, byDefault, byDefault)
	}
	flags := l.flags(args)
	if l.help {
		return nil, ErrHelp
	}
	env := l.environment()
	l.file(flags, env)
	l.apply(env)
	l.apply(flags)
	l.check()
	if len(l.problems) > 0 {
		return nil, &Problems{l.problems}
	}
	return l.s, nil
}

// A loader collects settings and problems from one source after the other.
type loader struct {
	s        *Settings
	environ  []string
	readFile func(string) ([]byte, error)
	problems []string
	bad      map[string]bool // settings with a problem, about which check says nothing more
	help     bool
}

// A given value, and who gave it.
type given struct {
	setting *setting
	value   string
	where   string // for messages: -addr
	origin  string // for -print-config: flag -addr
}

const byDefault = "default"

func (l *loader) apply(values []given) {
	for _, g := range values {
		l.set(g.setting, g.value, g.where, g.origin)
	}
}

// set parses a value into the settings, or notes what would be right.
func (l *loader) set(d *setting, value, where, origin string) {
	if err := d.parse(l.s, value); err != nil {
		l.bad[d.name] = true
		shown := quote(value)
		if d.hidden && value != "" {
			shown = "what is given"
		}
		l.problem("%s: %s is %v; right is %s", where, shown, err, d.right)
		return
	}
	l.s.origins[d.name] = origin
}
