package detect

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// A postOffice is a server of RFC 5321, with STARTTLS (RFC 3207) and AUTH PLAIN
// (RFC 4954), as far as a client that sends goes.
type postOffice struct {
	cert     tls.Certificate
	roots    *x509.CertPool
	implicit bool              // TLS from the beginning
	noTLS    bool              // STARTTLS is not offered
	answers  map[string]string // by command: an answer other than the good one; "." is the end of a letter
	once     bool              // after one such answer all is well

	mu      sync.Mutex
	letters []delivered
	secret  []string // lines that came over TLS
	clear   []string // those that did not
}

type delivered struct{ from, to, text string }

func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots: x509.NewCertPool()}
	p.roots.AddCert(parsed)
	return p
}

// listen serves on a free port until the test ends, and returns its address.
func (p *postOffice) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// serve answers one client.
func (p *postOffice) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	overTLS := p.implicit
	if overTLS {
		conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{p.cert}})
	}
	in := textproto.NewReader(bufio.NewReader(conn))
	say := func(command, good string) bool {
		answer := p.answer(command, good)
		_, err := io.WriteString(conn, strings.ReplaceAll(answer, "\n", "\r\n")+"\r\n")
		return err == nil && strings.HasPrefix(answer, good[:1])
	}
	if !say("", "220 mail.example") {
		return
	}
	var d delivered
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		p.note(overTLS, line)
		command, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(command) {
		case "EHLO":
			offer := "250-mail.example\n250-8BITMIME\n250 AUTH LOGIN PLAIN"
			if !overTLS && !p.noTLS {
				offer = strings.Replace(offer, "250 AUTH LOGIN PLAIN", "250 STARTTLS", 1)
			}
			say("EHLO", offer)
		case "HELO":
			say("HELO", "250 mail.example")
		case "STARTTLS":
			if say("STARTTLS", "220 go ahead") {
				conn, overTLS = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{p.cert}}), true
				in = textproto.NewReader(bufio.NewReader(conn))
			}
		case "AUTH":
			plain, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			if string(plain) != "\x00alerts\x00open sesame" {
				say("AUTH", "535 who are you")
				continue
			}
			say("AUTH", "235 welcome")
		case "MAIL":
			d.from = rest
			say("MAIL", "250 yes")
		case "RCPT":
			d.to = rest
			say("RCPT "+rest, "250 yes")
		case "DATA":
			if !say("DATA", "354 end it with a full stop") {
				continue
			}
			text, err := in.ReadDotBytes()
			if err != nil {
				return
			}
			if d.text = string(text); say(".", "250 taken") {
				p.take(d)
			}
		case "QUIT":
			say("QUIT", "221 goodbye")
			return
		default:
			say("", "500 what")
		}
	}
}

func (p *postOffice) answer(command, good string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bad := p.answers[command]; bad != "" {
		if p.once {
			delete(p.answers, command)
		}
		return bad
	}
	return good
}

func (p *postOffice) note(overTLS bool, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if overTLS {
		p.secret = append(p.secret, line)
	} else {
		p.clear = append(p.clear, line)
	}
}

func (p *postOffice) take(d delivered) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters = append(p.letters, d)
}

// taken returns the letters that were taken, and what was said over TLS and in the
// clear.
func (p *postOffice) taken() (letters []delivered, secret, clear string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.letters, fmt.Sprint(p.secret), fmt.Sprint(p.clear)
}
