package client_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/client"
)

func serve(method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	client.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestTheFilesAreServed(t *testing.T) {
	for _, f := range []struct{ path, integrity, kind string }{
		{client.ScriptPath(), client.ScriptIntegrity(), "text/javascript; charset=utf-8"},
		{client.ModulePath(), client.ModuleIntegrity(), "text/javascript; charset=utf-8"},
		{client.LiveScriptPath(), client.LiveScriptIntegrity(), "text/javascript; charset=utf-8"},
		{client.LiveModulePath(), client.LiveModuleIntegrity(), "text/javascript; charset=utf-8"},
		{client.StylePath(), client.StyleIntegrity(), "text/css; charset=utf-8"},
	} {
		w := serve("GET", f.path)
		sum := sha512.Sum384(w.Body.Bytes())
		if got := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); w.Code != 200 || got != f.integrity {
			t.Errorf("%s: got %d with integrity %s, want 200 with %s", f.path, w.Code, got, f.integrity)
		}
		h := w.Header()
		if h.Get("Content-Type") != f.kind || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: got headers %v", f.path, h)
		}
		if w := serve("HEAD", f.path); w.Code != 200 || w.Body.Len() != 0 {
			t.Errorf("HEAD %s: got %d with %d bytes", f.path, w.Code, w.Body.Len())
		}
		if w := serve("POST", f.path); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: got %d, Allow %q", f.path, w.Code, w.Header().Get("Allow"))
		}
	}
	for _, path := range []string{"/", "/satra.js", "/../embed.go"} {
		if w := serve("GET", path); w.Code != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, w.Code)
		}
	}
}

// The style sheet is not counted: a page that brings its own leaves it out.
func TestTheScriptsAreSmall(t *testing.T) {
	for path, most := range map[string]int{
		client.ScriptPath(): 6000, client.ModulePath(): 6000, client.LiveScriptPath(): 1000, client.LiveModulePath(): 1000,
	} {
		var zipped bytes.Buffer
		z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		z.Write(serve("GET", path).Body.Bytes())
		z.Close()
		if zipped.Len() > most {
			t.Errorf("%s: got %d bytes in gzip, want at most %d", path, zipped.Len(), most)
		}
	}
}

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/static/client/", http.StripPrefix("/static/client", client.Handler()))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/static/client"+client.ScriptPath(), nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/javascript; charset=utf-8
}
