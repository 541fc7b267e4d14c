package detect

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/satra-sessions/satra/audit"
)

// MailerOptions of a [Mailer]. Server, From and To are required.
type MailerOptions struct {
	// Server takes the messages: smtp://host:587, where the conversation turns to TLS
	// (STARTTLS) before anything is said, or smtps://host:465, which is TLS from the
	// beginning. Those are the default ports. On this machine smtp:// is spoken in the
	// clear, unless Roots is given.
	Server string

	// Username and Password are given to the server, by the method PLAIN; "": none.
	Username, Password string

	// From and To are addresses: alerts@example.com, or Alerts <alerts@example.com>.
	// Each of To gets a message of its own.
	From string
	To   []string

	// Name begins the subject. Default "Satra".
	Name string

	// PerHour is how many messages each of To gets in an hour, which begins with the
	// first of them. Default 10. What is beyond is counted, and told in one message
	// when the hour is over. The first finding of each rule in an hour is sent all the
	// same, so that a flood of one rule hides no other.
	PerHour int

	// Roots vouch for the server's certificate. Default: the system's.
	Roots *x509.CertPool

	// Attempts is how often a message is sent before it is given up. Default 8, over
	// some four minutes.
	Attempts int

	// Queue is how many messages wait at most. Default 1000.
	Queue int

	// Problem is told of messages that were given up. Default: nobody.
	Problem func(error)
}

// Format hides the password from every fmt verb.
func (MailerOptions) Format(w fmt.State, _ rune) { io.WriteString(w, "[mailer options]") }

// A Mailer tells people of findings by e-mail, in plain text. Its methods are safe for
// concurrent use. Messages are sent one after the other, and repeated with growing
// pauses until the server takes them; a Message-ID that stays the same shows which came
// twice.
type Mailer struct {
	from    *mail.Address
	to      []*mail.Address
	name    string
	perHour int
	server  *mailServer
	box     *outbox[letter]

	mu     sync.Mutex
	hour   *mailHour // nil until a message begins one
	closed bool
}

// A mailHour is what was sent in an hour, and what was not.
type mailHour struct {
	sent  int
	rules map[Rule]bool
	held  map[Rule]int
	over  *time.Timer
}

// NewMailer returns a mailer. Close ends it. Its error names everything that is wrong
// with the options.
func NewMailer(o MailerOptions) (*Mailer, error) {
	m := &Mailer{name: o.Name, perHour: o.PerHour}
	if m.name == "" {
		m.name = "Satra"
	}
	if m.perHour <= 0 {
		m.perHour = 10
	}
	var problem error
	m.server, problem = parseServer(o)
	errs := []error{problem}
	if audit.Plain(m.name) != m.name || len(m.name) > 100 {
		errs = append(errs, errors.New("detect: a mailer's Name is at most 100 bytes that can be printed"))
	}
	if m.from, problem = parseMailAddress("From", o.From); problem != nil {
		errs = append(errs, problem)
	}
	for _, to := range o.To {
		a, problem := parseMailAddress("To", to)
		m.to, errs = append(m.to, a), append(errs, problem)
	}
	if len(o.To) == 0 {
		errs = append(errs, errors.New("detect: a mailer needs To, one address or more"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	m.box = newOutbox("mail server", o.Attempts, o.Queue, o.Problem, m.server.send)
	return m, nil
}

// parseMailAddress wants ASCII: what is beyond not every server takes.
func parseMailAddress(what, s string) (*mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || strings.ContainsFunc(a.Address, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("detect: a mailer's %s is an address such as alerts@example.com, and not %q", what, s)
	}
	return a, nil
}

// Notify is for [PolicyOptions.OnNotify]: it takes the message, and does not wait for
// it to be sent. What is beyond the hour's limit it counts, and that is no error.
//
// Errors: the queue is full, or the mailer closed.
func (m *Mailer) Notify(_ context.Context, d Decision) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("detect: the mailer is closed")
	}
	if m.hour == nil {
		m.hour = &mailHour{rules: map[Rule]bool{}, held: map[Rule]int{}}
		m.hour.over = time.AfterFunc(time.Hour, m.hourIsOver)
	}
	h, rule := m.hour, d.Finding.Rule
	if h.sent >= m.perHour && h.rules[rule] {
		h.held[rule]++
		return nil
	}
	h.sent++
	h.rules[rule] = true
	return m.post(fmt.Sprintf("%s: %s (%s)", m.name, rule, d.Finding.Strength), decisionText(d))
}

// post has each of To get a letter of its own, so that an address which the server does
// not take keeps nothing from the others.
func (m *Mailer) post(subject, text string) error {
	var errs []error
	for _, to := range m.to {
		_, domain, _ := strings.Cut(m.from.Address, "@")
		l := letter{from: m.from, to: to, subject: subject, text: text, at: time.Now(), id: rand.Text() + "@" + domain}
		errs = append(errs, m.box.put(l))
	}
	return errors.Join(errs...)
}

// hourIsOver tells what was held back.
func (m *Mailer) hourIsOver() {
	m.mu.Lock()
	var err error
	if !m.closed {
		err = m.endHour()
	}
	m.mu.Unlock()
	if err != nil {
		m.box.problem(err)
	}
}

func (m *Mailer) endHour() error {
	h := m.hour
	m.hour = nil
	if h == nil || len(h.held) == 0 {
		return nil
	}
	var text strings.Builder
	all := 0
	for _, rule := range slices.Sorted(maps.Keys(h.held)) {
		fmt.Fprintf(&text, "%8d  %s\n", h.held[rule], rule)
		all += h.held[rule]
	}
	return m.post(fmt.Sprintf("%s: … and %d more", m.name, all),
		fmt.Sprintf("Beyond the %d messages of the last hour there were %d findings more:\n\n%s\nThe audit log has the entries.\n", h.sent, all, text.String()))
}

// Close sends what waits, and what was held back as one message, until ctx is done. What
// is left is given up.
func (m *Mailer) Close(ctx context.Context) error {
	m.mu.Lock()
	var err error
	if !m.closed {
		m.closed = true
		if m.hour != nil {
			m.hour.over.Stop()
		}
		err = m.endHour()
	}
	m.mu.Unlock()
	return errors.Join(err, m.box.close(ctx))
}

// decisionText tells a finding for people. What comes from clients is made plain.
func decisionText(d Decision) string {
	var b strings.Builder
	f := d.Finding
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", audit.Plain(name), audit.Plain(value))
		}
	}
	fmt.Fprintf(&b, "%s\n\n", audit.Plain(f.Text))
	line("Rule", fmt.Sprintf("%s (%s)", f.Rule, f.Strength))
	line("Time", f.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	line("Account", f.Principal)
	if !f.Session.IsZero() {
		line("Session", f.Session.String())
	}
	line("Network", f.Network)
	action := d.Action.String()
	if d.DryRun {
		action += ", if the policy were enforced"
	}
	line("Action", action)
	line("Because", d.Why)
	b.WriteString("\nFacts\n")
	for _, fact := range f.Facts {
		line("  "+fact.Name, fact.Value)
	}
	b.WriteString("\nEntries of the audit log\n")
	for _, e := range f.Entries {
		fmt.Fprintf(&b, "  %s  %s\n", e.At.UTC().Format("2006-01-02 15:04:05"), e)
	}
	return b.String()
}

// parseServer reads Server, and tells what is wrong with it without what it holds.
func parseServer(o MailerOptions) (*mailServer, error) {
	scheme, rest, _ := strings.Cut(o.Server, "://")
	port := map[string]string{"smtp": "587", "smtps": "465"}[scheme]
	host, given, err := net.SplitHostPort(rest)
	if err != nil {
		host, given = strings.Trim(rest, "[]"), port
	}
	if _, err := strconv.ParseUint(given, 10, 16); err != nil || port == "" || host == "" || strings.ContainsAny(host, "@/?# []") {
		return nil, errors.New("detect: a mailer's Server is smtp://host:587 or smtps://host:465, without a name and a password")
	}
	if o.Username == "" && o.Password != "" || strings.ContainsAny(o.Username+o.Password, "\x00\r\n") {
		return nil, errors.New("detect: a mailer's Username is missing, or it or the Password holds what no server takes")
	}
	return &mailServer{
		host: host, address: net.JoinHostPort(host, given), implicit: scheme == "smtps", clear: scheme == "smtp" && isLoopback(host) && o.Roots == nil,
		roots: o.Roots, username: o.Username, password: o.Password, dial: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}, nil
}
