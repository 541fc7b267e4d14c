package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
)

// stageHTTPS is a scene as the program is served to others: by HTTPS, with a cookie
// that browsers take from this host alone.
func stageHTTPS(t *testing.T) *scene {
	t.Helper()
	cert, key := pair(t)
	roots := x509.NewCertPool()
	data, err := os.ReadFile(cert)
	if err != nil || !roots.AppendCertsFromPEM(data) {
		t.Fatal("the certificate cannot be read", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return (&scene{t: t, name: "__Host-satra", transport: transport}).begin("-tls-cert", cert, "-tls-key", key)
}

// TestCookieTossingOverHTTPS has a sibling toss what browsers let it set: any name
// but ours. A browser refuses it ours, and one that did not is refused here.
func TestCookieTossingOverHTTPS(t *testing.T) {
	s := stageHTTPS(t)
	attacker := s.browser()
	s.signIn(attacker, "mallory")
	his, hers := s.token(attacker), s.cookie(s.victim)
	for what, name := range map[string]string{
		"the plain name, of the whole domain": "satra",
		"the weaker prefix":                   "__Secure-satra",
		"the prefix in lower case":            "__host-satra",
		"the prefix in upper case":            "__HOST-satra",
		"the name in upper case":              "__Host-SATRA",
		"a space of Unicode before the name":  "\u2000__Host-satra",
		"no name, and ours in the value":      "=__Host-satra",
		"an older syntax of cookies":          "$Version=1,__Host-satra",
		"a quoted one":                        `x="a; __Host-satra`,
	} {
		if got := s.principal(name + "=" + his); got != "" && !strings.HasPrefix(name, "x=") {
			t.Errorf("%s: it is the session of %q", what, got)
		}
		for _, both := range []string{name + "=" + his + "; " + hers, hers + "; " + name + "=" + his} {
			resp, body := s.attack("GET", "/security", "", both)
			s.wantCookiesLeft(what, resp)
			if strings.HasPrefix(name, "x=") {
				s.wantRefused(what, resp, body, 400, "BAD_REQUEST")
				continue
			}
			if resp.StatusCode != 200 || !strings.Contains(body, "<strong>asha</strong>") {
				t.Errorf("%s: got %d, want the victim's own page\n%.300s", what, resp.StatusCode, body)
			}
		}
	}
	s.wantUnharmed("tossing cookies of other names")
	s.wantRecorded(s.recorded(), satra.EventAmbiguous, 2)
}

// TestTwoCookiesOfOurNameOverHTTPS has a browser that does not know the prefix.
func TestTwoCookiesOfOurNameOverHTTPS(t *testing.T) {
	s := stageHTTPS(t)
	s.wantTossingFails()
}
