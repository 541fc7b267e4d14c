package accounts

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds. NIST SP 800-63B-4 §3.1.1.2 wants at least 15 characters of a
// passphrase that is the only factor, and that at least 64 are allowed.
const (
	minName       = 3
	maxName       = 64
	minPassphrase = 15   // characters
	maxPassphrase = 1024 // bytes
)

// A Refusal says in words for people what is wrong with a name or a passphrase.
type Refusal struct {
	Field   string // "name" or "passphrase"
	Message string
}

// Error is the message.
func (r *Refusal) Error() string { return r.Message }

// checkName takes letters, digits and . _ - between them: no two names look the
// same, and none looks like something else in a page or in a log.
func checkName(name string) error {
	refuse := func(message string) error { return &Refusal{"name", message} }
	for _, r := range name {
		if !isAlphanumeric(r) && !strings.ContainsRune("._-", r) {
			return refuse("A name has the letters a to z, digits, and . _ - between them.")
		}
	}
	if n := len(name); n < minName || n > maxName {
		return refuse(fmt.Sprintf("A name has %d to %d characters.", minName, maxName))
	}
	if !isAlphanumeric(rune(name[0])) || !isAlphanumeric(rune(name[len(name)-1])) {
		return refuse("A name begins and ends with a letter or a digit.")
	}
	return nil
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// checkPassphrase takes any characters, and no rules on how to mix them: those
// make passphrases worse (NIST SP 800-63B-4 §3.1.1.2). What is refused is what
// is tried first.
func checkPassphrase(passphrase, name string) error {
	refuse := func(message string) error { return &Refusal{"passphrase", message} }
	switch {
	case len(passphrase) > maxPassphrase:
		return refuse("The passphrase is longer than 1,024 bytes.")
	case !utf8.ValidString(passphrase):
		return refuse("The passphrase has characters that are not UTF-8.")
	case utf8.RuneCountInString(passphrase) < minPassphrase:
		return refuse(fmt.Sprintf("The passphrase is too short: it needs at least %d characters. Four or five words that have nothing to do with each other are good.", minPassphrase))
	case ownPart(passphrase, name) < minOwn:
		return refuse("That passphrase is among the first to be tried: it is made of common words, your name, repeats, or rows of the alphabet or the keyboard. Add words of your own that have nothing to do with each other.")
	}
	return nil
}

// Refusals lists what [Book.Create] or [Book.SetPassphrase] found wrong with what
// was typed; none for other errors.
func Refusals(err error) []*Refusal {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Refusal
		for _, err := range several.Unwrap() {
			all = append(all, Refusals(err)...)
		}
		return all
	}
	if r := (*Refusal)(nil); errors.As(err, &r) {
		return []*Refusal{r}
	}
	return nil
}
