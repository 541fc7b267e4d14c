package places

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(t *testing.T, text string) (Places, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "places.csv")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(name)
}

func TestTheSmallestNetworkCounts(t *testing.T) {
	p, err := read(t, "# a comment\n203.0.113.0/24, 19.1, 72.9\n203.0.113.7/32,50.1,8.7\n203.0.0.0/16,1,1\n2001:db8::/32,-33.9,151.2\n\n")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string][2]float64{
		"203.0.113.7": {50.1, 8.7}, "203.0.113.8": {19.1, 72.9}, "203.0.7.1": {1, 1}, "2001:db8::1": {-33.9, 151.2}, "::ffff:203.0.113.7": {50.1, 8.7},
	} {
		latitude, longitude, ok := p.Locate(netip.MustParseAddr(address))
		if got := [2]float64{latitude, longitude}; !ok || got != want {
			t.Errorf("%s: got %v, %v; want %v", address, got, ok, want)
		}
	}
	for _, address := range []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db9::1"), {}} {
		if _, _, ok := p.Locate(address); ok {
			t.Errorf("%s is somewhere", address)
		}
	}
}

func TestLinesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.0/24,19.1,72.9\nnetwork,latitude,longitude\n": `line 2: "network" is no network`,
		"203.0.113.0/33,1,1\n":             "line 1",
		"203.0.113.0/24,91,1\n":            `"91" is not between -90 and 90 degrees`,
		"203.0.113.0/24,1,-180.5\n":        `"-180.5" is not between -180 and 180 degrees`,
		"203.0.113.0/24,NaN,1\n":           `"NaN"`,
		"203.0.113.0/24,1\n":               "it has 2 fields",
		"203.0.113.0/24,1,1\n\"open,1,1":   "line 2",
		"203.0.113.0/24,1,1,Mumbai\n":      "it has 4 fields",
		"203.0.113.0/24,19.1,72.9\n,1,1\n": "line 2",
	} {
		if p, err := read(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v; want %q", text, p, err, want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("no file: got %v", err)
	}
}
