package accounts

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// common are words and passwords that are tried first, one a line, in small
// letters.
//
//go:embed common.txt
var commonText string

var common, longestCommon = readCommon()

func readCommon() (words map[string]bool, longest int) {
	words = map[string]bool{}
	for _, word := range strings.Fields(commonText) {
		words[word] = true
		longest = max(longest, len(word))
	}
	return words, longest
}

// minOwn is how many letters and digits a passphrase must have that belong to
// nothing common.
const minOwn = 6

// rows are what fingers and memories follow, forwards and backwards.
var rows = bothWays(
	"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp",
	"azertyuiop", "qsdfghjklm", "qwertzuiop", "yxcvbnm",
)

func bothWays(rows ...string) []string {
	for _, row := range rows {
		back := []byte(row)
		slices.Reverse(back)
		rows = append(rows, string(back))
	}
	return rows
}

// disguises are the characters that are written for letters.
var disguises = strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t", "8", "b", "9", "g")

// ownPart counts the letters and digits of a passphrase that are in no common
// part: the fewest of all the ways in which it can be taken apart.
func ownPart(passphrase, name string) int {
	text := []rune(strings.ToLower(passphrase))
	if period := period(text); period*2 <= len(text) {
		text = text[:period] // what is repeated counts once
	}
	parts := partsOf(name)
	fewest := make([]int, len(text)+1) // of the first n characters
	for n := 1; n <= len(text); n++ {
		fewest[n] = fewest[n-1]
		if r := text[n-1]; unicode.IsLetter(r) || unicode.IsDigit(r) || r > unicode.MaxASCII {
			fewest[n]++
		}
		for from := n - 1; from >= 0 && fewest[n] > 0; from-- {
			if fewest[from] < fewest[n] && isCommon(string(text[from:n]), parts) {
				fewest[n] = fewest[from]
			}
			if n-from >= maxPart {
				break
			}
		}
	}
	return fewest[len(text)]
}

// maxPart bounds the search. A longer repeat or row is several parts.
const maxPart = 40

// partsOf are the account's name and what its punctuation divides it into.
func partsOf(name string) []string {
	folded := fold(name)
	return append(strings.FieldsFunc(folded, func(r rune) bool { return strings.ContainsRune("._-", r) }), folded)
}

// isCommon reports whether a part of a passphrase, in small letters, is no
// secret: a word of the list, a part of the name, one character again and again,
// a row of the alphabet or the keyboard, a year.
func isCommon(part string, name []string) bool {
	if utf8.RuneCountInString(part) < 3 {
		return false
	}
	for _, text := range []string{part, disguises.Replace(part)} {
		if len(text) <= longestCommon && common[text] {
			return true
		}
		for _, n := range name {
			if len(n) >= 3 && text == n {
				return true
			}
		}
	}
	return isRepeat(part) || inRow(part) || isYear(part)
}

func isRepeat(part string) bool {
	first, _ := utf8.DecodeRuneInString(part)
	return strings.Trim(part, string(first)) == ""
}

func inRow(part string) bool {
	for _, row := range rows {
		if strings.Contains(row, part) {
			return true
		}
	}
	return false
}

func isYear(part string) bool {
	return len(part) == 4 && (part[:2] == "19" || part[:2] == "20") && strings.Trim(part[2:], "0123456789") == ""
}

// period is the length of the shortest beginning that makes up the whole text
// when it is repeated; the last repeat may be cut short.
func period(text []rune) int {
	// The border of each beginning, as Knuth, Morris and Pratt compute it.
	border := make([]int, len(text)+1)
	for n, b := 1, 0; n < len(text); n++ {
		for b > 0 && text[n] != text[b] {
			b = border[b]
		}
		if text[n] == text[b] {
			b++
		}
		border[n+1] = b
	}
	return len(text) - border[len(text)]
}
