package settings

import (
	"fmt"
	"strings"
	"time"

	"github.com/satra-sessions/satra/cmd/dashboard/settings/strictjson"
	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// A setting is a line of the table.
type setting struct {
	name      string // of the flag, and the key in the file
	env       string // "": none
	arg       string // what the value is, in -h; "": it is a switch
	byDefault string
	help      string
	right     string // how a message goes on: "right is …"
	parse     func(*Settings, string) error
	show      func(*Settings) string
	kinds     []strictjson.Kind // how the file may write it
	notInFile bool
	hidden    bool // a wrong value is not repeated: it may be a secret, by mistake
}

func (d *setting) isSwitch() bool { return d.arg == "" }

var (
	texts     = []strictjson.Kind{strictjson.String}
	durations = []strictjson.Kind{strictjson.Number, strictjson.String}
	switches  = []strictjson.Kind{strictjson.Bool}
	lists     = []strictjson.Kind{strictjson.Array, strictjson.String}
)

// The bounds of both session times. Less than a second cannot be told to a
// browser; more than a year is a session that nobody meant to keep.
const (
	minTime    = time.Second
	maxTimeout = 30 * 24 * time.Hour
	maxLife    = 366 * 24 * time.Hour
)

// table holds every setting; it is never changed. Flags, environment, file,
// -h, -print-config and the documents are made of it.
var table = []setting{
	{
		name: "addr", env: "DASHBOARD_ADDR", arg: "host:port", byDefault: "127.0.0.1:8080",
		help:  "where to listen; port 0 takes a free one",
		right: "host:port such as 127.0.0.1:8080 or [::1]:8080, or :8080 for all addresses",
		parse: parseAddr, show: func(s *Settings) string { return s.Addr }, kinds: texts,
	},
	{
		name: "data-dir", env: "DATA_DIR", arg: "directory", byDefault: "./data",
		help:  "where data is kept; made with mode 0700",
		right: "the name of a directory such as ./data",
		parse: needed(func(s *Settings) *string { return &s.DataDir }), show: func(s *Settings) string { return s.DataDir }, kinds: texts,
	},
	{
		name: "store", env: "SESSION_STORE", arg: "name", byDefault: "sqlite",
		help:  "where sessions are kept: sqlite (a file in the data directory), sqlite:PATH, memory (they end with the program), redis://… or postgres://… (several nodes)",
		right: storename.Right,
		parse: parseStore, show: func(s *Settings) string { return s.Store }, kinds: texts,
	},
	{
		name: "seal-keys", env: "SEAL_KEYS", arg: "source", byDefault: "auto",
		help:  "keys that seal sessions' values: auto (keys.json in the data directory, made once; nodes that share a store need the same), file:PATH, env:NAME, command:PROGRAM ARGUMENTS, or off",
		right: "auto, off, file:PATH, env:NAME or command:PROGRAM ARGUMENTS",
		parse: parseSealKeys, show: showSealKeys, kinds: texts, hidden: true,
	},
	{
		name: "session-timeout", env: "SESSION_TIMEOUT", arg: "duration", byDefault: "3600",
		help:  "ends a session that is not used: seconds, or a duration such as 90m",
		right: rightTime(maxTimeout),
		parse: parseTime(maxTimeout, func(s *Settings) *time.Duration { return &s.SessionTimeout }), show: func(s *Settings) string { return spell(s.SessionTimeout) }, kinds: durations,
	},
	{
		name: "session-lifetime", env: "SESSION_LIFETIME", arg: "duration", byDefault: "12h",
		help:  "ends a session however much it is used",
		right: rightTime(maxLife),
		parse: parseTime(maxLife, func(s *Settings) *time.Duration { return &s.SessionLifetime }), show: func(s *Settings) string { return spell(s.SessionLifetime) }, kinds: durations,
	},
	{
		name: "renew-after", env: "SESSION_RENEW_AFTER", arg: "duration|off", byDefault: "30m",
		help:  "gives a signed-in session a new token once its token has that age: a copy of it that lies still becomes worthless",
		right: rightTimeOrOff(minRenew, maxTimeout),
		parse: parseTimeOrOff(minRenew, maxTimeout, func(s *Settings) *time.Duration { return &s.RenewAfter }), show: func(s *Settings) string { return spellOrOff(s.RenewAfter) }, kinds: durations,
	},
	{
		name: "session-limit", env: "SESSION_LIMIT", arg: "number|off", byDefault: "10",
		help:  "how many sessions an account may have at once; a sign-in beyond ends the oldest",
		right: fmt.Sprintf("a number from 1 to %d, or off", maxLimit),
		parse: parseLimit, show: showLimit, kinds: durations,
	},
	{
		name: "remember", env: "SESSION_REMEMBER", arg: "duration|off", byDefault: "720h",
		help:  "how long a sign-in with \"remember me\" lasts, and half of that without use; off does not offer it",
		right: rightTimeOrOff(minRemember, maxLife),
		parse: parseTimeOrOff(minRemember, maxLife, func(s *Settings) *time.Duration { return &s.Remember }), show: func(s *Settings) string { return spellOrOff(s.Remember) }, kinds: durations,
	},
	{
		name: "daily-end", env: "SESSION_DAILY_END", arg: "time and zone",
		help:  "ends every session at a time of the day: 06:00 Asia/Kolkata",
		right: "a time and its zone such as 06:00 Asia/Kolkata",
		parse: parseDailyEnd, show: func(s *Settings) string { return s.DailyEnd.String() }, kinds: texts,
	},
	{
		name: "database", env: "DASHBOARD_DATABASE", arg: "name", byDefault: "sqlite",
		help:  "where accounts are kept: sqlite (app.db in the data directory), sqlite:PATH, or postgres://… (several nodes)",
		right: "sqlite, sqlite:./data/app.db or postgres://user:password@localhost:5432/app",
		parse: parseDatabase, show: func(s *Settings) string { return s.Database }, kinds: texts,
	},
	{
		name: "signup", env: "DASHBOARD_SIGNUP", arg: "auto|open|closed", byDefault: "auto",
		help:  "who may make an account: open is anybody, closed only who starts the program with -add-account; auto is open on loopback without a public origin",
		right: "auto, open or closed",
		parse: oneOf(func(s *Settings) *string { return &s.SignUp }, "not a choice", "auto", "open", "closed"), show: showSignUp, kinds: texts,
	},
	{
		name: "audit", env: "AUDIT_STORE", arg: "name|off", byDefault: "sqlite",
		help:  "where the audit log is kept: sqlite (audit.db in the data directory), sqlite:PATH, redis://… or postgres://… (several nodes, with the same audit-keys), or off",
		right: "sqlite, sqlite:./data/audit.db, redis://user:password@localhost:6379/0, postgres://user:password@localhost:5432/app, or off",
		parse: parseAudit, show: func(s *Settings) string { return s.Audit }, kinds: texts,
	},
	{
		name: "audit-keys", env: "AUDIT_KEYS_FILE", arg: "file",
		help:  "keys of the audit log, made once: better not beside it; by default audit-keys in the data directory",
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.AuditKeys }), show: func(s *Settings) string { return s.AuditKeys }, kinds: texts,
	},
	{
		name: "audit-heads", env: "AUDIT_HEADS_FILE", arg: "file",
		help:  "notes how far the audit log is, so that a missing end is found: better on another disk; by default audit-heads.jsonl in the data directory",
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.AuditHeads }), show: func(s *Settings) string { return s.AuditHeads }, kinds: texts,
	},
	{
		name: "audit-retention", env: "AUDIT_RETENTION", arg: "duration|off", byDefault: "8760h",
		help:  "for how long the audit log is kept; off is for ever",
		right: rightTimeOrOff(minRetention, maxRetention),
		parse: parseTimeOrOff(minRetention, maxRetention, func(s *Settings) *time.Duration { return &s.AuditRetention }), show: func(s *Settings) string { return spellOrOff(s.AuditRetention) }, kinds: durations,
	},
	{
		name: "detection", env: "DETECTION", arg: "off|try|enforce", byDefault: DetectionTry,
		help:  "what is done about what looks wrong in the audit log: try tells of it, and logs what else it would do; enforce asks sessions for a fresh proof, or ends them",
		right: "off, try or enforce",
		parse: oneOf(func(s *Settings) *string { return &s.Detection }, "not a choice", off, DetectionTry, DetectionEnforce), show: func(s *Settings) string { return s.Detection }, kinds: texts,
	},
	{
		name: "detection-actions", env: "DETECTION_ACTIONS", arg: "rule=action,…",
		help:  "other actions than the usual ones, which are reused_token=revoke,browser_changed=step-up,two_places=step-up; actions are record, notify, step-up and revoke",
		right: "rule=action with commas between, such as two_places=revoke,new_device=notify",
		parse: parseActions, show: showActions, kinds: texts,
	},
	{
		name: "detection-places", env: "DETECTION_PLACES_FILE", arg: "file",
		help:  "a file of your own that tells where addresses are, for impossible_travel: lines of network,latitude,longitude",
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.DetectionPlaces }), show: func(s *Settings) string { return s.DetectionPlaces }, kinds: texts,
	},
	{
		name: "alert-webhook", env: "ALERT_WEBHOOK", arg: "address",
		help:  "is sent findings as signed JSON, unless they are only recorded: https://alerts.example/satra",
		right: "https://host/path, or http:// on this machine, without a user",
		parse: parseWebhook, show: showWebhook, kinds: texts, hidden: true,
	},
	{
		name: "alert-webhook-secret", env: "ALERT_WEBHOOK_SECRET_FILE", arg: "file",
		help:  "holds the secret that the webhook's messages are signed with, of 16 bytes or more",
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.AlertWebhookSecret }), show: func(s *Settings) string { return s.AlertWebhookSecret }, kinds: texts,
	},
	{
		name: "alert-mail", env: "ALERT_MAIL", arg: "addresses",
		help:  "who is told of findings by e-mail, ten messages an hour at most: security@example.com,operator@example.com",
		right: "addresses with commas between, such as security@example.com,operator@example.com",
		parse: parseMailTo, show: func(s *Settings) string { return strings.Join(s.AlertMail, ",") }, kinds: lists,
	},
	{
		name: "alert-mail-from", env: "ALERT_MAIL_FROM", arg: "address",
		help:  "the sender of that e-mail",
		right: "an address such as dashboard@example.com",
		parse: parseMailFrom, show: func(s *Settings) string { return s.AlertMailFrom }, kinds: texts,
	},
	{
		name: "alert-mail-server", env: "ALERT_MAIL_SERVER", arg: "address",
		help:  "takes that e-mail: smtp://mail.example.com:587 (STARTTLS), or smtps://mail.example.com:465",
		right: "smtp://host:port or smtps://host:port, without a user",
		parse: parseMailServer, show: func(s *Settings) string { return s.AlertMailServer }, kinds: texts, hidden: true,
	},
	{
		name: "alert-mail-user", env: "ALERT_MAIL_USER", arg: "name",
		help:  "who the program is to that server",
		right: "a name",
		parse: optional(func(s *Settings) *string { return &s.AlertMailUser }), show: func(s *Settings) string { return s.AlertMailUser }, kinds: texts,
	},
	{
		name: "alert-mail-password", env: "ALERT_MAIL_PASSWORD_FILE", arg: "file",
		help:  "holds the password of that user",
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.AlertMailPassword }), show: func(s *Settings) string { return s.AlertMailPassword }, kinds: texts,
	},
	{
		name: "cookie-secure", env: "SESSION_COOKIE_SECURE", arg: "auto|on|off", byDefault: "auto",
		help:  "auto is on, except on loopback without TLS and without a public origin",
		right: "auto, on or off",
		parse: oneOf(func(s *Settings) *string { return &s.SecureCookie }, "not a choice", "auto", "on", "off"), show: showCookie, kinds: texts,
	},
	{
		name: "public-origin", env: "PUBLIC_ORIGIN", arg: "origin",
		help:  "how browsers reach the dashboard, behind a proxy: https://dash.example",
		right: "https://host or https://host:port, without a path; http:// only for localhost and loopback addresses",
		parse: parseOrigin, show: func(s *Settings) string { return s.PublicOrigin }, kinds: texts,
	},
	{
		name: "trusted-proxies", env: "TRUSTED_PROXIES", arg: "networks",
		help:  "proxies whose word on the client's address is believed: 10.0.0.0/8,::1",
		right: "addresses and networks with commas between, such as 10.0.0.0/8,192.0.2.7",
		parse: parseProxies, show: showProxies, kinds: lists,
	},
	{
		name: "tls-cert", env: "TLS_CERT_FILE", arg: "file",
		help:  "certificate chain, PEM; with tls-key the dashboard speaks HTTPS itself",
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.TLSCert }), show: func(s *Settings) string { return s.TLSCert }, kinds: texts,
	},
	{
		name: "tls-key", env: "TLS_KEY_FILE", arg: "file",
		help:  "the certificate's private key, PEM",
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.TLSKey }), show: func(s *Settings) string { return s.TLSKey }, kinds: texts,
	},
	{
		name: "insecure-listen", env: "DASHBOARD_INSECURE_LISTEN", byDefault: "false",
		help:  "listen beyond loopback in plain HTTP: whoever sees the network can take sessions",
		right: "true or false",
		parse: parseSwitch(func(s *Settings) *bool { return &s.InsecureListen }), show: func(s *Settings) string { return fmt.Sprint(s.InsecureListen) }, kinds: switches,
	},
	{
		name: "market-calendar", env: "MARKET_CALENDAR", arg: "file",
		help:  "the exchange's holidays for more years, or instead of the built-in ones (JSON)",
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.MarketCalendar }), show: func(s *Settings) string { return s.MarketCalendar }, kinds: texts,
	},
	{
		name: "log-format", env: "LOG_FORMAT", arg: "text|json", byDefault: "text",
		help:  "how the log is written",
		right: "text or json",
		parse: oneOf(func(s *Settings) *string { return &s.LogFormat }, "not a format", "text", "json"), show: func(s *Settings) string { return s.LogFormat }, kinds: texts,
	},
	{
		name: "log-level", env: "LOG_LEVEL", arg: "level", byDefault: "info",
		help:  "the least level that is logged: debug, info, warn or error",
		right: "debug, info, warn or error",
		parse: parseLevel, show: func(s *Settings) string { return strings.ToLower(s.LogLevel.String()) }, kinds: texts,
	},
	{
		name: "config", env: "DASHBOARD_CONFIG", arg: "file",
		help:  `a JSON file with settings by their flag's name: {"session-timeout": "90m"}`,
		right: "the name of a file",
		parse: optional(func(s *Settings) *string { return &s.Config }), show: func(s *Settings) string { return s.Config }, notInFile: true,
	},
	{
		name: "add-account", arg: "name",
		help:  "make an account with that name, with the passphrase in the first line of standard input, and end",
		right: "the name of the account",
		parse: optional(func(s *Settings) *string { return &s.AddAccount }), notInFile: true,
	},
	{
		name: "print-config", byDefault: "false",
		help:  "print the settings in force and where each comes from, and end",
		right: "true or false",
		parse: parseSwitch(func(s *Settings) *bool { return &s.PrintConfig }), notInFile: true,
	},
}

// find returns the setting with that name, or nil.
func find(name string) *setting {
	for i := range table {
		if table[i].name == name {
			return &table[i]
		}
	}
	return nil
}

// names lists what is, for one, the flags' names: for suggestions.
func names(of func(*setting) string) []string {
	var list []string
	for i := range table {
		if name := of(&table[i]); name != "" {
			list = append(list, name)
		}
	}
	return list
}

func flagName(d *setting) string { return d.name }

func envName(d *setting) string { return d.env }

func fileKey(d *setting) string {
	if d.notInFile {
		return ""
	}
	return d.name
}
