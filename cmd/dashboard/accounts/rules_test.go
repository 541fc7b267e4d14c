package accounts

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNamesHaveAClearAlphabet(t *testing.T) {
	for name, want := range map[string]bool{
		"asha": true, "Asha.Rao": true, "a-b": true, "a_b": true, "007": true, strings.Repeat("a", 64): true,
		"": false, "ab": false, strings.Repeat("a", 65): false, ".asha": false, "asha-": false, "asha rao": false,
		"аsha": false, "ashä": false, "asha\n": false, "asha@home": false, "a\x00b": false, "a\xffb": false,
	} {
		err := checkName(name)
		if (err == nil) != want {
			t.Errorf("%q: got %v, want it taken: %v", name, err, want)
		}
		if r := (*Refusal)(nil); err != nil && (!errors.As(err, &r) || r.Field != "name" || r.Message == "") {
			t.Errorf("%q: got %#v, want a refusal of the name", name, err)
		}
	}
}

func TestAPassphraseIsCountedInCharacters(t *testing.T) {
	for passphrase, want := range map[string]string{
		"tulsi wok glimt": "", // 15
		"tulsi wok glim":  "at least 15 characters",
		"नदी किनारे एक बड़ा पेड़": "",
		"दूध रोटी":                                     "at least 15 characters",
		" \t tulsi wok glim \x00":                      "",
		strings.Repeat("x", 1025):                      "longer than 1,024 bytes",
		"tulsi wok glimt\xff":                          "not UTF-8",
		"glimt tulsi wok " + strings.Repeat("vx", 504): "", // 1,024 bytes
	} {
		err := checkPassphrase(passphrase, "asha")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", passphrase, err, want)
		}
		if r := (*Refusal)(nil); err != nil && (!errors.As(err, &r) || r.Field != "passphrase" || strings.Contains(r.Message, passphrase)) {
			t.Errorf("%.40q: got %#v, want a refusal that does not repeat it", passphrase, err)
		}
	}
}

func TestWhatIsTriedFirstIsRefused(t *testing.T) {
	for _, passphrase := range []string{
		"passwordpassword", "Password12345678", "P@ssw0rdP@ssw0rd!", "passwordpassword!x", "correct horse battery staple",
		"aaaaaaaaaaaaaaaaaa", "kq7kq7kq7kq7kq7kq7", "abcdefghijklmnopqrst", "123456789012345678", "098765432109876543",
		"qwertyuiopasdfgh", "1qaz2wsx3edc4rfv", "asha.rao asha.rao 2026", "rao-rao-rao-asha-1", "SatraSatraSatra99", "satra dashboard 1999",
		"!!!!!!!!!!!!!!!!!!", "               ", "iloveyou1234567890", "नननननननननननननननन", "mumbai india cricket 1983",
	} {
		if err := checkPassphrase(passphrase, "Asha.Rao"); err == nil || !strings.Contains(err.Error(), "among the first to be tried") {
			t.Errorf("%q: got %v, want that it is refused as common", passphrase, err)
		}
	}
	for _, passphrase := range []string{
		"tulsi wok glimt", "passwords are not for lichen", "vermilion otter password", "gXq27pLw0zRt5Hbe", "three grey geese grazing",
	} {
		if err := checkPassphrase(passphrase, "Asha.Rao"); err != nil {
			t.Errorf("%q: got %v, want it taken", passphrase, err)
		}
	}
}

func FuzzPassphrases(f *testing.F) {
	for _, seed := range []string{"tulsi wok glimt", "passwordpassword", "\xff\xfe", "नदी किनारे एक पेड़", strings.Repeat("ab", 700)} {
		f.Add(seed, "asha")
	}
	f.Fuzz(func(t *testing.T, passphrase, name string) {
		err := checkPassphrase(passphrase, name)
		if err != nil {
			return
		}
		if utf8.RuneCountInString(passphrase) < 15 || len(passphrase) > 1024 || !utf8.ValidString(passphrase) {
			t.Errorf("%q was taken", passphrase)
		}
		if twice := passphrase + passphrase; len(twice) <= 1024 && ownPart(twice, name) > ownPart(passphrase, name) {
			t.Errorf("%q is better when it is repeated", passphrase)
		}
	})
}

// FuzzCommonParts makes passphrases of nothing but common parts.
func FuzzCommonParts(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	words := strings.Fields(commonText)
	f.Fuzz(func(t *testing.T, choices []byte) {
		var b strings.Builder
		for _, c := range choices {
			n := int(c) / 6
			switch c % 6 {
			case 0:
				b.WriteString(words[n*7%len(words)])
			case 1:
				b.WriteString(strings.ToUpper(words[n*11%len(words)]))
			case 2:
				b.WriteString(strings.Repeat(string(rune('a'+n%26)), 3+n%9))
			case 3:
				row := rows[n%len(rows)]
				b.WriteString(row[:3+n%(len(row)-2)])
			case 4:
				b.WriteString("Asha")
			case 5:
				b.WriteString(" .-!"[n%4 : n%4+1])
			}
		}
		if passphrase := b.String(); checkPassphrase(passphrase, "asha") == nil {
			t.Errorf("%q was taken", passphrase)
		}
	})
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA")
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")
	f.Fuzz(func(t *testing.T, phc string) {
		c, salt, sum, err := parsePHC(phc)
		if err == nil && (c.memory > 1<<20 || c.passes > 16 || c.threads > 16 || c.threads == 0 || c.passes == 0 || len(salt) < 8 || len(sum) < 16) {
			t.Errorf("%q: got %+v", phc, c)
		}
	})
}
