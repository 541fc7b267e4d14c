package satra_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/satra-sessions/satra"

// mayImport says which packages of this module a package may import; tests may
// import more. Imports point inward: the core knows nobody.
var mayImport = map[string][]string{
	"":           {},
	"clientip":   {""},
	"csrf":       {""},
	"memstore":   {""},
	"ratelimit":  {""},
	"seal":       {""},
	"audit":      {""},
	"client":     {},
	"storetest":  {""},
	"sessionapi": {"", "csrf", "audit"},
	"satratest":  {"", "memstore"},

	"audit/audittest": {"audit"},
	"audit/detect":    {"", "audit"},

	"internal/testserver": {},
}

// drivers are the modules of stores, each with what it may import besides the
// library's core and the standard library.
var drivers = map[string]string{
	"pgstore":     "github.com/jackc/pgx/v5",
	"redisstore":  "github.com/redis/rueidis",
	"sqlitestore": "modernc.org/sqlite",
}

func TestAStoreImportsTheCoreAndItsDriver(t *testing.T) {
	for module, driver := range drivers {
		files := 0
		eachGoFileIn(t, module, func(_, file string, imports []string) {
			files++
			for _, path := range imports {
				isDriver := path == driver || strings.HasPrefix(path, driver+"/")
				if path != modulePath && !isDriver && strings.Contains(strings.Split(path, "/")[0], ".") {
					t.Errorf("%s imports %s: a store uses the core and %s only", file, path, driver)
				}
			}
		})
		if files == 0 {
			t.Errorf("there are no files in %s", module)
		}
		for _, line := range strings.Split(read(t, filepath.Join(module, "go.mod")), "\n") {
			line = strings.TrimPrefix(strings.TrimSpace(line), "require ")
			name, _, _ := strings.Cut(line, " ")
			if strings.Contains(name, ".") && !strings.Contains(line, "// indirect") && name != modulePath && name != driver {
				t.Errorf("%s/go.mod requires %s besides the library and %s", module, name, driver)
			}
			if strings.HasPrefix(line, "replace") {
				t.Errorf("%s/go.mod has a replacement: nobody could install from it", module)
			}
		}
	}
}

func TestTheLibraryRequiresNothing(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"require", "replace"} {
		if strings.Contains(string(mod), word) {
			t.Errorf("go.mod has a %s line, and must not:\n%s", word, mod)
		}
	}
}

func TestImportsPointInward(t *testing.T) {
	seen := map[string]bool{}
	eachGoFile(t, func(dir, file string, imports []string) {
		seen[dir] = true
		allowed, known := mayImport[dir]
		if !known {
			t.Errorf("%s: a package that the rules do not name; add it to mayImport", file)
			return
		}
		for _, path := range imports {
			own, isOurs := strings.CutPrefix(path, modulePath)
			own = strings.TrimPrefix(own, "/")
			switch {
			case isOurs && !slices.Contains(allowed, own):
				t.Errorf("%s imports %s: %q may import %q only", file, path, dir, allowed)
			case !isOurs && strings.Contains(strings.Split(path, "/")[0], "."):
				t.Errorf("%s imports %s: the library uses the standard library only", file, path)
			}
		}
	})
	for dir := range mayImport {
		if !seen[dir] {
			t.Errorf("the rules name a package %q that there is not", dir)
		}
	}
}

// eachGoFile visits the files of this module that are no tests.
func eachGoFile(t *testing.T, visit func(dir, file string, imports []string)) {
	t.Helper()
	eachGoFileIn(t, ".", visit)
}

// eachGoFileIn does so for the module in that folder.
func eachGoFileIn(t *testing.T, module string, visit func(dir, file string, imports []string)) {
	t.Helper()
	err := filepath.WalkDir(module, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, isModule := os.Stat(filepath.Join(path, "go.mod"))
			if path != module && (isModule == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, p)
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		visit(strings.TrimPrefix(dir, "."), path, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
