package audit

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain returns s as it may be shown on a terminal: what is not printable
// (control characters, escape sequences, marks that change the direction of
// text, bytes that are no UTF-8) stands as an escape, "\n" or "\u202e". A text
// that has none of these comes back as it is.
func Plain(s string) string {
	if isPlain(s) {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			out.WriteString(`\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case printable(r):
			out.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return out.String()
}

func isPlain(s string) bool {
	for i, r := range s {
		if !printable(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return false
			}
		}
	}
	return true
}

// printable is what a terminal shows as a character and nothing else.
func printable(r rune) bool { return unicode.IsPrint(r) }
