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
	home, problem, security, history *template.Template
	forms                            map[string]*template.Template // for accounts, by their name
}

func newPages(a *assets) (*pages, error) {
	funcs := template.FuncMap{
		"asset":     a.path,
		"integrity": a.integrity,
		"ist":       formatIST,
		"csrfField": func(v interface{ token() string }) template.HTML {
			return template.HTML(`<input type="hidden" name="csrf_token" value="` + template.HTMLEscapeString(v.token()) + `">`)
		},
		"clientScript":          func() string { return "/static/client" + client.ScriptPath() },
		"clientScriptIntegrity": client.ScriptIntegrity,
		"liveScript":            func() string { return "/static/client" + client.LiveScriptPath() },
		"liveScriptIntegrity":   client.LiveScriptIntegrity,
		"clientStyle":           func() string { return "/static/client" + client.StylePath() },
		"clientStyleIntegrity":  client.StyleIntegrity,
	}
	parse := func(name string) (*template.Template, error) {
		return template.New("").Funcs(funcs).ParseFS(templateFiles, "templates/layout.html", "templates/fields.html", "templates/"+name)
	}
	p := &pages{forms: map[string]*template.Template{"signin": nil, "signup": nil, "reauth": nil, "passphrase": nil}}
	var errs [4]error
	p.home, errs[0] = parse("home.html")
	p.problem, errs[1] = parse("problem.html")
	p.security, errs[2] = parse("security.html")
	p.history, errs[3] = parse("history.html")
	err := errors.Join(errs[:]...)
	for name := range p.forms {
		form, formErr := parse(name + ".html")
		p.forms[name], err = form, errors.Join(err, formErr)
	}
	return p, err
}

// A layoutView is what the layout around every page shows.
type layoutView struct {
	Title     string
	Theme     string         // "light", "dark" or "" for the system's
	Session   *satra.Session // nil on pages that belong to none, and without the browser client
	CSRFToken string         // masked anew for each page
	Account   string         // the name of who is signed in
	Guest     bool           // nobody is, and could be
	Bar       bool           // the page has the bar of the session, and the sign-out in it
	Market    *marketView
}

func (v layoutView) token() string { return v.CSRFToken }

// plain makes the page one without the browser client, which would tell somebody
// who fills in a form of a session that is not theirs yet.
func (v *layoutView) plain() { v.Session, v.Guest = nil, false }

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
	account, err := s.accountName(r, session)
	if err != nil {
		return layoutView{}, err
	}
	return layoutView{
		Title: title, Theme: theme, Session: &session, CSRFToken: token,
		Account: account, Guest: account == "", Market: s.market(),
	}, nil
}

// India has had one time zone without daylight saving since 1945: a fixed zone
// is right and needs no database on the machine.
var istZone = time.FixedZone("IST", 5*3600+1800)

func formatIST(t time.Time) string { return t.In(istZone).Format("2 Jan, 15:04:05") }
