// Bundle builds client/dist from client/src. With -check it changes nothing and
// fails if what is there is not what would be built.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	check := flag.Bool("check", false, "fail if dist is not current, and change nothing")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/satra-sessions/satra/client").Output()
	if err != nil {
		return fmt.Errorf("finding the client's folder: %w", err)
	}
	dir := strings.TrimSpace(string(out))
	var errs []error
	for _, b := range []struct {
		from, to string
		format   api.Format
	}{
		{"index.js", "satra.js", api.FormatESModule},
		{"classic.js", "satra.classic.js", api.FormatIIFE},
		{"live.js", "satra.live.js", api.FormatESModule},
		{"live.classic.js", "satra.live.classic.js", api.FormatIIFE},
		{"satra.css", "satra.css", api.FormatDefault},
	} {
		built, err := build(filepath.Join(dir, "src", b.from), b.format)
		if err == nil {
			err = put(filepath.Join(dir, "dist", b.to), built, check)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// build bundles and shrinks one file, for browsers of the last years: those
// with <dialog>.
func build(from string, format api.Format) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{from}, Bundle: true, Format: format,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		Target: api.ES2022, Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsNone,
		Banner: map[string]string{"js": "/* Satra client 0.1.0, MIT */", "css": "/* Satra client 0.1.0, MIT */"},
	})
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("%s: %s", from, result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents, nil
}

func put(path string, content []byte, check bool) error {
	if !check {
		return os.WriteFile(path, content, 0o644)
	}
	if there, err := os.ReadFile(path); err != nil || !bytes.Equal(there, content) {
		return fmt.Errorf("%s is not current: run go generate ./client", path)
	}
	return nil
}
