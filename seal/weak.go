package seal

import (
	"bytes"
	"strings"
)

// placeholders are what stands in examples and is forgotten there. They are
// looked for in secrets in which letters alone count.
var placeholders = []string{
	"changeme", "changethis", "replaceme", "replacethis", "placeholder", "example", "secret", "password", "passphrase",
	"yourkey", "mykey", "keyhere", "insert", "todo", "fixme", "default", "dummy", "sample", "testkey", "test", "satra",
}

// isPlaceholder reports whether a text that should be a key consists of such
// words by half or more, as 32 random bytes in base64 never do.
func isPlaceholder(text string) bool {
	letters := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c
		}
		return -1
	}, strings.ToLower(text))
	rest := letters
	for _, word := range placeholders {
		rest = strings.ReplaceAll(rest, word, "")
	}
	return len(letters) > 0 && len(rest) <= len(letters)/2
}

// fewest is how many different bytes a key has to have. Of 32 random ones it
// is 30 on the average, and fewer than 16 in less than one of 10¹⁷.
const fewest = 16

// weakness says why a secret of 32 bytes was not made at random, or "". What it
// refuses comes about by chance less often than once in 10¹³ keys.
func weakness(secret []byte) string {
	different := map[byte]bool{}
	text, steady := true, true
	for i, b := range secret {
		different[b] = true
		text = text && b >= ' ' && b <= '~'
		steady = steady && (i < 2 || b-secret[i-1] == secret[1]-secret[0])
	}
	switch {
	case len(different) == 1 && secret[0] == 0:
		return "all zero"
	case len(different) == 1:
		return "one byte, repeated"
	case steady:
		return "bytes in their order"
	case bytes.Equal(secret[:secretSize/2], secret[secretSize/2:]):
		return "half of one, twice"
	case text:
		return "text, not random bytes"
	case len(different) < fewest:
		return "of too few different bytes"
	}
	return ""
}
