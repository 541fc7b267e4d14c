package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/client"
	"github.com/satra-sessions/satra/csrf"
)

//go:embed templates
var templateFiles embed.FS

// pages are the dashboard's templates, each with the layout around it.
type pages struct {
	home, problem *template.Template
}

func newPages(a *assets) (*pages, error) {
	funcs := template.FuncMap{
		"asset":     a.path,
		"integrity": a.integrity,
		"ist":       formatIST,
		"csrfField": func(v homeView) template.HTML {
			return template.HTML(`<input type="hidden" name="csrf_token" value="` + template.HTMLEscapeString(v.CSRFToken) + `">`)
		},
		"clientScript":          func() string { return "/static/client" + client.ScriptPath() },
		"clientScriptIntegrity": client.ScriptIntegrity,
		"clientStyle":           func() string { return "/static/client" + client.StylePath() },
		"clientStyleIntegrity":  client.StyleIntegrity,
	}
	parse := func(name string) (*template.Template, error) {
		return template.New("").Funcs(funcs).ParseFS(templateFiles, "templates/layout.html", "templates/"+name)
	}
	home, err := parse("home.html")
	if err != nil {
		return nil, err
	}
	problem, err := parse("problem.html")
	if err != nil {
		return nil, err
	}
	return &pages{home: home, problem: problem}, nil
}

// A layoutView is what the layout around every page shows.
type layoutView struct {
	Title     string
	Theme     string         // "light", "dark" or "" for the system's
	Session   *satra.Session // nil on pages that belong to none
	CSRFToken string         // masked anew for each page
	Market    *marketView
}

// write renders the whole page before the first byte leaves: a template that
// fails is a 500 and not half a page.
func (s *Site) write(w http.ResponseWriter, r *http.Request, status int, t *template.Template, view any) error {
	var page bytes.Buffer
	if err := t.ExecuteTemplate(&page, "layout", view); err != nil {
		return fmt.Errorf("web: page: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := page.WriteTo(w)
	return err
}

// layout fills in what a page with a session shows around its content.
func (s *Site) layout(r *http.Request, title string) (layoutView, error) {
	ctx := r.Context()
	session, err := satra.From(ctx)
	if err != nil {
		return layoutView{}, err
	}
	theme, err := themeKey.Get(ctx)
	if err != nil && !errors.Is(err, satra.ErrUnreadable) {
		return layoutView{}, err
	}
	token, err := csrf.Token(ctx)
	if err != nil {
		return layoutView{}, err
	}
	return layoutView{Title: title, Theme: theme, Session: &session, CSRFToken: token, Market: s.market()}, nil
}

// India has had one time zone without daylight saving since 1945: a fixed zone
// is right and needs no database on the machine.
var istZone = time.FixedZone("IST", 5*3600+1800)

func formatIST(t time.Time) string { return t.In(istZone).Format("2 Jan, 15:04:05") }
