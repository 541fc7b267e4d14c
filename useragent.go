package satra

import "strings"

// DescribeUserAgent names the browser and the system of a User-Agent header, as
// far as the great ones go: "Firefox" and "Windows", or "" for what it does not
// know. A user agent says what its program wants it to say: this is for people,
// and to tell one browser from another, not to trust.
func DescribeUserAgent(userAgent string) (browser, system string) {
	return firstIn(userAgent, browsers[:]), firstIn(userAgent, systems[:])
}

// A mark is a part of a user agent that tells something. The order counts: most
// browsers name others as well, whose pages they want.
type mark struct{ part, name string }

var browsers = [...]mark{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
	{"OPR/", "Opera"}, {"OPT/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"},
	{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"},
	{"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium/", "Chrome"},
	{"Safari/", "Safari"},
	{"curl/", "curl"}, {"Wget/", "Wget"}, {"python-requests/", "Python"}, {"Go-http-client/", "Go"},
}

var systems = [...]mark{
	{"iPhone", "iOS"}, {"iPad", "iPadOS"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
	{"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
}

func firstIn(userAgent string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(userAgent, m.part) {
			return m.name
		}
	}
	return ""
}

// sameBrowser reports whether two user agents may be one browser's: of the same
// family, or of none that is known and the same program.
func sameBrowser(a, b string) bool {
	familyA, _ := DescribeUserAgent(a)
	familyB, _ := DescribeUserAgent(b)
	if familyA != "" || familyB != "" {
		return familyA == familyB
	}
	programA, _, _ := strings.Cut(a, "/")
	programB, _, _ := strings.Cut(b, "/")
	return programA == programB
}

// SameSystem reports whether two systems, as [DescribeUserAgent] names them, may be one
// device's. A phone or a tablet that asks for the page of a desktop says that it is one;
// what is not known may be anything.
func SameSystem(a, b string) bool {
	if a == b || a == "" || b == "" {
		return true
	}
	for _, m := range mobiles {
		if a == m.mobile && b == m.desktop || a == m.desktop && b == m.mobile {
			return true
		}
	}
	return false
}

// mobiles are systems with what their browsers say they are for the page of a desktop.
var mobiles = [...]struct{ mobile, desktop string }{
	{"iOS", "macOS"}, {"iPadOS", "macOS"}, {"iPadOS", "iOS"},
	{"Android", "Linux"}, {"Android", "ChromeOS"}, {"ChromeOS", "Linux"},
}

// sameDevice reports whether two user agents may be one device's.
func sameDevice(a, b string) bool {
	_, systemA := DescribeUserAgent(a)
	_, systemB := DescribeUserAgent(b)
	return sameBrowser(a, b) && SameSystem(systemA, systemB)
}
