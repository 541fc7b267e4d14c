// Package client serves the browser client of Satra: scripts and a style
// sheet without dependencies, under names that hold a hash of their content.
//
//	mux.Handle("/static/client/", http.StripPrefix("/static/client", client.Handler()))
//
// and in a page's template
//
//	<link rel="stylesheet" href="/static/client{{client.StylePath}}" integrity="{{client.StyleIntegrity}}">
//	<script src="/static/client{{client.ScriptPath}}" integrity="{{client.ScriptIntegrity}}" defer></script>
//
// The script makes window.sessionManager and starts it. A page that is to show at
// once what happens to the session elsewhere has a second one after it:
//
//	<script src="/static/client{{client.LiveScriptPath}}" integrity="{{client.LiveScriptIntegrity}}" defer></script>
//
// The sources are in src, what is served is built from them by "go generate".
package client

import (
	"bytes"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"
)

//go:generate go run ../cmd/internal/bundle

//go:embed dist/satra.classic.js
var script []byte

//go:embed dist/satra.js
var module []byte

//go:embed dist/satra.live.classic.js
var liveScript []byte

//go:embed dist/satra.live.js
var liveModule []byte

//go:embed dist/satra.css
var style []byte

// A file is served under a name that changes with its content.
type file struct {
	content                    []byte
	path, integrity, mediaType string
}

func newFile(content []byte, name, ext, mediaType string) file {
	sum := sha512.Sum384(content)
	return file{
		content: content, mediaType: mediaType,
		path:      "/" + name + "." + hex.EncodeToString(sum[:6]) + ext,
		integrity: "sha384-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
}

const javaScript = "text/javascript; charset=utf-8"

var (
	scriptFile     = newFile(script, "satra.classic", ".js", javaScript)
	moduleFile     = newFile(module, "satra", ".js", javaScript)
	liveScriptFile = newFile(liveScript, "satra.live.classic", ".js", javaScript)
	liveModuleFile = newFile(liveModule, "satra.live", ".js", javaScript)
	styleFile      = newFile(style, "satra", ".css", "text/css; charset=utf-8")
)

// ScriptPath is the path of the classic script below the handler. It begins
// with a slash.
func ScriptPath() string { return scriptFile.path }

// ScriptIntegrity is the integrity attribute of the classic script.
func ScriptIntegrity() string { return scriptFile.integrity }

// ModulePath is the path of the ES module, for pages that import it.
func ModulePath() string { return moduleFile.path }

// ModuleIntegrity is the integrity of the ES module.
func ModuleIntegrity() string { return moduleFile.integrity }

// LiveScriptPath is the path of the classic script that listens to the session's
// events.
func LiveScriptPath() string { return liveScriptFile.path }

// LiveScriptIntegrity is the integrity attribute of that script.
func LiveScriptIntegrity() string { return liveScriptFile.integrity }

// LiveModulePath is the path of the ES module that does the same.
func LiveModulePath() string { return liveModuleFile.path }

// LiveModuleIntegrity is the integrity of that module.
func LiveModuleIntegrity() string { return liveModuleFile.integrity }

// StylePath is the path of the dialog's style sheet.
func StylePath() string { return styleFile.path }

// StyleIntegrity is the integrity attribute of the style sheet.
func StyleIntegrity() string { return styleFile.integrity }

// Handler serves the files to GET and HEAD, to be kept for ever: a new version
// has another name.
func Handler() http.Handler {
	files := map[string]file{}
	for _, f := range []file{scriptFile, moduleFile, liveScriptFile, liveModuleFile, styleFile} {
		files[f.path] = f
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
			return
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.mediaType)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})
}
