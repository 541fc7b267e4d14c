package detect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/satra-sessions/satra/audit"
)

// A letter is one message to one person.
type letter struct {
	from, to      *mail.Address
	subject, text string
	at            time.Time
	id            string // the same each time that it is sent
}

// writeTo writes it as it goes over the line. No header holds what comes from a client,
// and none can hold the end of a line: addresses are parsed, and the subject is encoded.
func (l letter) writeTo(w io.Writer) error {
	for _, h := range [][2]string{
		{"From", l.from.String()},
		{"To", l.to.String()},
		{"Subject", mime.QEncoding.Encode("utf-8", audit.Plain(l.subject))},
		{"Date", l.at.Format(time.RFC1123Z)},
		{"Message-ID", "<" + l.id + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: nobody's absence is told in answer
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		if _, err := fmt.Fprintf(w, "%s: %s\r\n", h[0], h[1]); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, "\r\n"); err != nil {
		return err
	}
	q := quotedprintable.NewWriter(w)
	if _, err := io.WriteString(q, l.text); err != nil {
		return err
	}
	return q.Close()
}

// A mailServer takes letters.
type mailServer struct {
	host, address      string
	implicit           bool // TLS from the beginning
	clear              bool // no TLS: it is on this machine
	roots              *x509.CertPool
	username, password string
	dial               func(ctx context.Context, network, address string) (net.Conn, error)
}

// mailPatience is how long a server may take for one letter.
const mailPatience = time.Minute

// send sends a letter once, in a conversation of its own, and reports whether it is
// worth while to do it again: unless the server has said that it never takes it.
func (s *mailServer) send(ctx context.Context, l letter) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, mailPatience)
	defer cancel()
	conn, err := s.dial(ctx, "tcp", s.address)
	if err != nil {
		return true, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	talk := conn
	if s.implicit {
		talk = tls.Client(conn, s.tls())
	}
	err = s.converse(talk, l)
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		return true, err
	}
	return answer.Code/100 != 5, fmt.Errorf("it answers %d %s", answer.Code, audit.Plain(answer.Msg[:min(len(answer.Msg), 200)]))
}

func (s *mailServer) tls() *tls.Config { return &tls.Config{ServerName: s.host, RootCAs: s.roots} }

// converse has the server take a letter. What it answers to QUIT does not matter any more.
func (s *mailServer) converse(conn net.Conn, l letter) error {
	c, err := s.greet(conn)
	if err != nil {
		return err
	}
	if err := c.Mail(l.from.Address); err != nil {
		return err
	}
	if err := c.Rcpt(l.to.Address); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if err := l.writeTo(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	c.Quit()
	return nil
}

// greet begins a conversation: over TLS, unless the server is on this machine, and with
// the name and the password, if there are.
func (s *mailServer) greet(conn net.Conn) (*smtp.Client, error) {
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, err
	}
	if err := c.Hello("localhost"); err != nil {
		return nil, err
	}
	if !s.implicit && !s.clear {
		// Whoever sits on the line may have left the offer out.
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return nil, errors.New("it offers no TLS, and nothing was told to it in the clear")
		}
		if err := c.StartTLS(s.tls()); err != nil {
			return nil, err
		}
	}
	if s.username == "" {
		return c, nil
	}
	if ok, methods := c.Extension("AUTH"); !ok || !strings.Contains(" "+methods+" ", " PLAIN ") {
		return nil, errors.New("it offers no sign-in by PLAIN")
	}
	return c, c.Auth(smtp.PlainAuth("", s.username, s.password, s.host))
}
