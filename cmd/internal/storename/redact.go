package storename

import "regexp"

// Redacted stands in the place of a password.
const Redacted = "[redacted]"

var (
	// From the first colon to the last @: a name or a password may hold any
	// character when somebody forgets to escape it. A name alone is left: it is
	// no secret, and helps to find the mistake.
	urlPassword = regexp.MustCompile(`(?s)(://[^:]*:).*@`)

	// Where a port stands, if the @ and the host were forgotten.
	portPassword = regexp.MustCompile(`(://[^:@/?#\[\s]*:)([^@/?#,\s]*[^@/?#,\s0-9][^@/?#,\s]*)`)

	// In a query or a list of words, as database drivers take them.
	namedPassword = regexp.MustCompile(`(?i)((?:password|passwd|pwd|secret|token)\s*=\s*)(?:'[^']*'|[^&\s]*)`)
)

// Redact hides the passwords in a value, whatever it is: people put the address
// of a database where a name is wanted.
func Redact(value string) string {
	if urlPassword.MatchString(value) {
		value = urlPassword.ReplaceAllString(value, "${1}"+Redacted+"@")
	} else {
		value = portPassword.ReplaceAllString(value, "${1}"+Redacted)
	}
	return namedPassword.ReplaceAllString(value, "${1}"+Redacted)
}
