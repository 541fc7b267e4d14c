package web

import (
	"bytes"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// assets serves the embedded files under names that hold a hash of their
// content, so that a browser may keep them for ever and never has a stale one.
type assets struct {
	byPath map[string]asset  // "app.1a2b3c4d5e6f.css"
	paths  map[string]string // "app.css" → "app.1a2b3c4d5e6f.css"
}

type asset struct {
	content   []byte
	mediaType string
	integrity string
}

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func newAssets() (*assets, error) {
	a := &assets{byPath: map[string]asset{}, paths: map[string]string{}}
	files, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		content, err := staticFiles.ReadFile("static/" + f.Name())
		if err != nil {
			return nil, err
		}
		ext := path.Ext(f.Name())
		if mediaTypes[ext] == "" {
			return nil, fmt.Errorf("web: %s: no media type for %q", f.Name(), ext)
		}
		sum := sha512.Sum384(content)
		hashed := strings.TrimSuffix(f.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.paths[f.Name()] = hashed
		a.byPath[hashed] = asset{content, mediaTypes[ext], "sha384-" + base64.StdEncoding.EncodeToString(sum[:])}
	}
	return a, nil
}

// path returns the address of a file; an unknown one is a bug in a template.
func (a *assets) path(name string) (string, error) {
	hashed, ok := a.paths[name]
	if !ok {
		return "", fmt.Errorf("web: no asset %q", name)
	}
	return "/static/" + hashed, nil
}

func (a *assets) integrity(name string) string { return a.byPath[a.paths[name]].integrity }

func (a *assets) handler(notFound http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := a.byPath[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			notFound.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", f.mediaType)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})
}
