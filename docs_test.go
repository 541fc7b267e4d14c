package satra_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/storetest"
)

// documents are those that say which test shows what.
var documents = []string{"SECURITY.md", "docs/asvs.md", "docs/promises.md", "docs/reliability.md"}

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	testNamed    = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`")
	caseNamed    = regexp.MustCompile("`(P[0-9]{2}_\\w+)`")
	localLink    = regexp.MustCompile(`\]\(([^)#:"]+)(?:#[^)]*)?\)`)
)

func TestTheDocumentsNameTestsThatAreThere(t *testing.T) {
	there := map[string]bool{}
	eachFile(t, "_test.go", func(_, text string) {
		for _, found := range testFunction.FindAllStringSubmatch(text, -1) {
			there[found[1]] = true
		}
	})
	for _, document := range documents {
		for _, found := range testNamed.FindAllStringSubmatch(read(t, document), -1) {
			if !there[found[1]] {
				t.Errorf("%s names %s, and there is no such test", document, found[1])
			}
		}
	}
}

func TestThePromisesNameEveryCase(t *testing.T) {
	named := map[string]bool{}
	for _, found := range caseNamed.FindAllStringSubmatch(read(t, "docs/promises.md"), -1) {
		named[found[1]] = true
	}
	for _, c := range storetest.Cases() {
		if !named[c.String()] {
			t.Errorf("docs/promises.md does not name %s", c)
		}
		delete(named, c.String())
	}
	for name := range named {
		t.Errorf("docs/promises.md names %s, and storetest has no such case", name)
	}
}

func TestLocalLinksLeadSomewhere(t *testing.T) {
	eachFile(t, ".md", func(path, text string) {
		for _, link := range localLink.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", path, link[1])
			}
		}
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eachFile visits the files of all modules whose names end so.
func eachFile(t *testing.T, ending string, visit func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "data"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ending):
			visit(path, read(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
