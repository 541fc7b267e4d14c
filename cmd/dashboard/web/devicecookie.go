package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// deviceCookies remember on which browsers an account has signed in before, so
// that tries from elsewhere, behind the same address for one, do not use up what
// such a browser may try. A device cookie opens nothing: it is a number of the
// browser's with a keyed hash of it for each account.
type deviceCookies struct {
	key    []byte
	secure bool
}

const (
	deviceLasts    = 180 * 24 * 60 * 60 // seconds
	deviceAccounts = 4                  // more than that of one browser are forgotten
	devicePart     = 22                 // characters: 128 bits
)

func (d deviceCookies) name() string {
	if d.secure {
		return "__Host-satra-device"
	}
	return "satra-device"
}

// find returns what counts as this browser for the account, "" for one that the
// account has not been seen on.
func (d deviceCookies) find(r *http.Request, account string) string {
	for _, parts := range d.read(r) {
		if own := d.mark(parts[0], account); slices.ContainsFunc(parts[1:], func(part string) bool { return hmac.Equal([]byte(part), []byte(own)) }) {
			return own
		}
	}
	return ""
}

// read returns the parts of the cookie, and of a second one: another program on
// the host may have planted it.
func (d deviceCookies) read(r *http.Request) (all [][]string) {
	for _, c := range r.CookiesNamed(d.name()) {
		parts := strings.Split(c.Value, ".")
		if len(all) < 2 && len(parts) <= 1+deviceAccounts && !slices.ContainsFunc(parts, func(part string) bool { return len(part) != devicePart }) {
			all = append(all, parts)
		}
	}
	return all
}

// set notes that the account has signed in on this browser.
func (d deviceCookies) set(w http.ResponseWriter, r *http.Request, account string) {
	number := make([]byte, 16)
	rand.Read(number)
	parts := []string{encode(number)}
	if found := d.read(r); len(found) > 0 {
		parts = found[0]
	}
	own := d.mark(parts[0], account)
	others := slices.DeleteFunc(parts[1:], func(part string) bool { return part == own })
	parts = slices.Concat(parts[:1], []string{own}, others[:min(len(others), deviceAccounts-1)])
	http.SetCookie(w, &http.Cookie{
		Name: d.name(), Value: strings.Join(parts, "."), Path: "/", MaxAge: deviceLasts,
		HttpOnly: true, Secure: d.secure, SameSite: http.SameSiteLaxMode,
	})
}

// mark is what shows that the account was on the browser with that number.
func (d deviceCookies) mark(number, account string) string {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte(number + "." + account)) // a number has no dot in it
	return encode(mac.Sum(nil))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b[:16]) }
