package testserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// RedisTLS is what servers show and ask for: certificates of an authority that
// exists for one test.
type RedisTLS struct {
	t       TB
	dir     string
	clients bool // clients have to show a certificate, too

	Authority *x509.CertPool  // signed what the servers show
	Client    tls.Certificate // what a client shows, of the same authority
}

// NewRedisTLS makes an authority, and certificates for the loopback address
// alone and no name.
func NewRedisTLS(t TB, clients bool) *RedisTLS {
	t.Helper()
	s := &RedisTLS{t: t, dir: t.TempDir(), clients: clients, Authority: x509.NewCertPool()}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority of a test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	rootKey := s.sign("ca", root, root, nil)
	s.Authority.AddCert(root)
	for i, name := range []string{"server", "client"} {
		s.sign(name, &x509.Certificate{
			SerialNumber: big.NewInt(int64(2 + i)), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.ParseIP(loopback)},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		}, root, rootKey)
	}
	var err error
	if s.Client, err = tls.LoadX509KeyPair(s.file("client.crt"), s.file("client.key")); err != nil {
		t.Fatalf("a certificate: %v", err)
	}
	return s
}

// sign writes a certificate and its key, signed by the authority or by itself,
// and fills c in with what it became.
func (s *RedisTLS) sign(name string, c, by *x509.Certificate, byKey *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatalf("a key: %v", err)
	}
	if byKey == nil {
		byKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	if err != nil {
		s.t.Fatalf("a certificate: %v", err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatalf("a certificate: %v", err)
	}
	*c = *signed
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatalf("a key: %v", err)
	}
	s.write(name+".crt", "CERTIFICATE", der)
	s.write(name+".key", "PRIVATE KEY", secret)
	return key
}

func (s *RedisTLS) write(name, kind string, der []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		s.t.Fatalf("%v", err)
	}
}

func (s *RedisTLS) file(name string) string { return filepath.Join(s.dir, name) }

// CAFile is where the authority's certificate lies.
func (s *RedisTLS) CAFile() string { return s.file("ca.crt") }

// options are those of a server on the port, which speaks nothing but TLS.
func (s *RedisTLS) options(port int) []string {
	ask := "no"
	if s.clients {
		ask = "yes"
	}
	return []string{
		"--port", "0", "--tls-port", strconv.Itoa(port), "--tls-auth-clients", ask, "--tls-replication", "yes", "--tls-cluster", "yes",
		"--tls-ca-cert-file", s.CAFile(), "--tls-cert-file", s.file("server.crt"), "--tls-key-file", s.file("server.key"),
	}
}

// lines are the options as a file of settings has them.
func (s *RedisTLS) lines(port int) string {
	text := ""
	for i, o := range s.options(port) {
		if i%2 == 0 {
			text += strings.TrimPrefix(o, "--") + " "
		} else {
			text += o + "\n"
		}
	}
	return text
}

func (s *RedisTLS) cli() []string {
	return []string{"--tls", "--cacert", s.CAFile(), "--cert", s.file("client.crt"), "--key", s.file("client.key")}
}

// StartRedis starts a server that speaks TLS: see the function of this name.
func (s *RedisTLS) StartRedis(more ...string) *Redis {
	s.t.Helper()
	return startRedis(s.t, s, false, more)
}
