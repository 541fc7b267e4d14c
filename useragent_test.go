package satra

import "testing"

func TestDescribeUserAgent(t *testing.T) {
	for userAgent, want := range map[string][2]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                            {"Chrome", "Windows"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":              {"Edge", "Windows"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                     {"Firefox", "Linux"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                      {"Safari", "macOS"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0 Mobile/15E148 Safari/604.1": {"Chrome", "iOS"},
		"Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36": {"Samsung Internet", "Android"},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                             {"Chrome", "ChromeOS"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/120.0.0.0":              {"Opera", "Windows"},
		"curl/8.5.0":        {"curl", ""},
		"SomethingElse/1.0": {"", ""},
		"":                  {"", ""},
	} {
		browser, system := DescribeUserAgent(userAgent)
		if got := [2]string{browser, system}; got != want {
			t.Errorf("%q: got %q, want %q", userAgent, got, want)
		}
	}
}

func TestSameSystem(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Windows", "Windows", true}, {"Windows", "", true}, {"", "", true},
		{"iOS", "macOS", true}, {"macOS", "iPadOS", true}, {"Android", "Linux", true}, {"Linux", "Android", true},
		{"Windows", "Linux", false}, {"Windows", "macOS", false}, {"iOS", "Android", false}, {"iOS", "Linux", false}, {"macOS", "Linux", false},
	} {
		if got := SameSystem(c.a, c.b); got != c.want || SameSystem(c.b, c.a) != c.want {
			t.Errorf("%q and %q: got %v", c.a, c.b, got)
		}
	}
}

func TestSameBrowser(t *testing.T) {
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/"
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{firefox + "140.0", firefox + "141.0", true}, // an upgrade
		{firefox + "140.0", "curl/8.5.0", false},
		{firefox + "140.0", "", false},
		{"", "", true},
		{"OurApp/1.0", "OurApp/1.1", true},
		{"OurApp/1.0", "TheirApp/1.0", false},
	} {
		if got := sameBrowser(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: got %v", c.a, c.b, got)
		}
	}
}
